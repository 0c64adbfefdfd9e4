-- Prosody for demo.js, which sets the ENV_ variables.
plugin_paths = { ENV_PLUGINS }
authentication = "introspection"
introspection_url = ENV_INTROSPECTION_URL
introspection_client_id = "xmpp-server"
introspection_client_secret = ENV_INTROSPECTION_SECRET
introspection_audience = "xmpp:localhost"

-- For this machine only: without encryption and storage.
interfaces = { "127.0.0.1" }
c2s_ports = { tonumber(ENV_PORT) }
c2s_require_encryption = false
storage = "memory"
run_as_root = true
log = { warn = "*console" }
modules_enabled = { "roster", "saslauth", "disco", "ping", "posix" }
modules_disabled = { "s2s" }
VirtualHost "localhost"
