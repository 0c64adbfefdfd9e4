-- Prosody for deploy/compose.yaml: users of the domain DOMAIN, without links to other servers.
data_path = "/var/lib/prosody"
pidfile = "/var/lib/prosody/prosody.pid"
log = { info = "*console" }

authentication = "internal_hashed"
c2s_require_encryption = true
plugin_paths = { "/etc/prosody/modules" }
modules_enabled = {
  "roster", "saslauth", "tls", "disco", "ping", "posix", "smacks", "csi_simple", "service_account",
  "carbons", "blocklist", "bookmarks", "pep", "private", "vcard4", "vcard_legacy", "mam", "offline"
}
-- No port is open for other servers. If users chat with users of other domains, remove "s2s".
modules_disabled = { "s2s" }
-- If this account exists, the service can log in users with it: see XMPP_SERVICE_ACCOUNTS in compose.yaml.
service_accounts = { "warm-bindings@" .. ENV_DOMAIN }

VirtualHost (ENV_DOMAIN)
  ssl = { key = "/var/lib/prosody/domain.key", certificate = "/certificates/domain.crt" }
