-- Prosody for deploy/compose.yaml: the users of one domain, among themselves. DOMAIN is its name.
data_path = "/var/lib/prosody"
pidfile = "/var/lib/prosody/prosody.pid"
log = { info = "*console" }

authentication = "internal_hashed"
c2s_require_encryption = true
modules_enabled = {
  "roster", "saslauth", "tls", "disco", "ping", "posix", "smacks", "csi_simple",
  "carbons", "blocklist", "bookmarks", "pep", "private", "vcard4", "vcard_legacy", "mam", "offline"
}
-- Nothing listens for other servers. Take "s2s" away for users who chat with those of other domains.
modules_disabled = { "s2s" }

VirtualHost (ENV_DOMAIN)
  ssl = { key = "/var/lib/prosody/domain.key", certificate = "/certificates/domain.crt" }
