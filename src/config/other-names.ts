import type { Name } from './settings.js'

// Options of Prosody, ejabberd and MongooseIM, in lower case. docs/coming-from.md has the same rows.

export const otherNames: Readonly<Record<string, Name>> = {
  access_control_allow_credentials: 'CORS_ORIGINS',
  access_control_allow_origins: 'CORS_ORIGINS',
  allowed_origins: 'WEBSOCKET_ORIGINS',
  bosh_max_inactivity: 'BOSH_INACTIVITY',
  c2s_stanza_size_limit: 'MAX_STANZA_BYTES',
  cacertfile: 'TLS_CHAIN',
  certfiles: 'TLS_CERT',
  connection_monitoring: 'METRICS_ADDRESS',
  consider_bosh_secure: 'ASSUME_SECURE',
  consider_websocket_secure: 'ASSUME_SECURE',
  dhfile: 'TLS_DHPARAM',
  cross_domain_bosh: 'CORS_ORIGINS',
  cross_domain_websocket: 'WEBSOCKET_ORIGINS',
  http_cors_override: 'CORS_ORIGINS',
  http_default_cors_enabled: 'CORS_ORIGINS',
  http_external_url: 'EXTERNAL_URL',
  http_host: 'HTTP_HOSTS',
  http_interfaces: 'HOST',
  http_max_buffer_size: 'MAX_UNREAD_MB',
  http_paths: 'BOSH_PATH',
  http_ports: 'PORT',
  https_certificate: 'TLS_CERT',
  https_interfaces: 'HTTPS_HOST',
  https_ports: 'HTTPS_PORT',
  https_redirect: 'REQUIRE_SECURE',
  https_ssl: 'TLS_CERT',
  log_auth: 'AUDIT_LOG',
  max_fsm_queue: 'MAX_UNFINISHED_MB',
  max_inactivity: 'BOSH_INACTIVITY',
  max_stanza_size: 'MAX_STANZA_BYTES',
  max_wait: 'BOSH_MAX_WAIT',
  ping_rate: 'WEBSOCKET_PING_INTERVAL',
  protocol_options: 'TLS_MIN_VERSION',
  ram_db_type: 'REDIS_URL',
  request_handlers: 'BOSH_PATH',
  smacks_hibernation_time: 'WEBSOCKET_RESUME',
  use_proxy_protocol: 'PROXY_PROTOCOL',
  websocket_max_frame_size: 'MAX_STANZA_BYTES',
  websocket_origin: 'WEBSOCKET_ORIGINS',
  websocket_origin_check: 'WEBSOCKET_ORIGINS',
  websocket_timeout: 'WEBSOCKET_PING_INTERVAL',
}

/** Also usual in environments for other programs, so only an env file is asked for them. */
export const commonNames: Readonly<Record<string, Name>> = {
  access_rules: 'BOSH_ALLOW',
  acl: 'BOSH_ALLOW',
  backend: 'REDIS_URL',
  certfile: 'TLS_CERT',
  ciphers: 'TLS_CIPHERS',
  inactivity: 'BOSH_INACTIVITY',
  ip: 'HOST',
  keyfile: 'TLS_KEY',
  limits: 'RATE_SESSION_BYTES',
  log: 'LOG_LEVEL',
  network_settings: 'WEBSOCKET_PING_INTERVAL',
  password: 'TLS_KEY_PASSPHRASE',
  queue_type: 'REDIS_URL',
  shaper: 'RATE_SESSION_BYTES',
  ssl: 'TLS_CERT',
  timeout: 'WEBSOCKET_PING_INTERVAL',
  tls: 'TLS_CERT',
  use_cache: 'REDIS_URL',
}

/** Why no setting is needed. */
export const unneededNames: Readonly<Record<string, string>> = {
  access_control_allow_headers: 'pages may send all headers',
  access_control_allow_methods: 'pages may use GET and POST',
  access_control_max_age: 'browsers keep what CORS allows for two hours',
  backlog: 'net.core.somaxconn is the limit',
  body_length: 'the limit of replies of remote endpoints is 8,000,000 bytes',
  bosh_max_polling: 'it is 5 seconds, and enforced only with BOSH_ENFORCE_POLLING',
  c2s_close_timeout: 'a WebSocket has 5 seconds to close',
  connection_pooling: 'each session has its own connection to the server',
  custom_headers: 'the proxy sets headers, and REMOTE_HEADERS those for remote endpoints',
  ejabberd_service: 'it stays in MongooseIM',
  http_legacy_x_forwarded: 'X-Forwarded-For of TRUSTED_PROXIES is always read',
  http_max_content_size: 'the limit is 512 KiB, or twice MAX_STANZA_BYTES if that is more',
  json: 'BOSH bodies are XML',
  max_pause: 'pauses may be 300 seconds long',
  max_concat: 'a reply contains all waiting stanzas',
  mod_http_files: 'your portal serves its files',
  modules: 'the settings HTTP_HOSTS and BOSH_PATH place the endpoints',
  mongoose_api: 'the warm API lists and ends sessions',
  num_acceptors: 'Node.js accepts in one thread, and WORKERS is the number of processes',
  prebind: 'POST /warm logs users in',
  s2s: 'it stays in the XMPP server',
  server_acks: 'clients that ask for acknowledgements get them',
  websocket_close_timeout: 'a WebSocket has 5 seconds to close',
  websocket_frame_buffer_limit: 'the limit is twice MAX_STANZA_BYTES',
  websocket_frame_fragment_limit: 'a message may have 8 frames',
  websocket_get_response_body: 'browsers get a page of this service',
  websocket_get_response_text: 'browsers get a page of this service',
  websocket_pong_timeout: 'an answer to a ping may take 10 seconds',
  zlib: 'streams are never compressed',
}

const byOption = (option: string) => `write ${option} for the server in XMPP_SERVERS`

const fixed = `
  BOSH_DEFAULT_HOLD BOSH_GET_TEXT BOSH_MAX_PAUSE BOSH_POLLING
  CORS_MAX_AGE CORS_METHODS METRICS_MAX_ERROR_RATE REMOTE_CONNECT_TIMEOUT
  REMOTE_MAX_REPLY_BYTES REMOTE_TIMEOUT WEBSOCKET_CLOSE_TIMEOUT WEBSOCKET_GET_TEXT
  WEBSOCKET_MAX_FRAGMENTS WEBSOCKET_PONG_TIMEOUT XMPP_KEEPALIVE XMPP_PREFER_DIRECT_TLS
`

const excluding = (setting: string) => `exclude the addresses in ${setting}, as in ${setting}=any,!203.0.113.7`

/** What to do instead of a setting of an earlier version. */
export const formerSettings: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    fixed
      .trim()
      .split(/\s+/)
      .map(name => [name, 'remove it, the former default always applies']),
  ),
  BOSH_ACKS: 'remove it, clients that ask for acknowledgements get them',
  BOSH_ASSUME_SECURE: 'set ASSUME_SECURE, or let the proxy send X-Forwarded-Proto',
  BOSH_DENY: excluding('BOSH_ALLOW'),
  BOSH_REQUIRE_SECURE: 'set REQUIRE_SECURE',
  CORS_CREDENTIALS: 'list origins in CORS_ORIGINS, their pages may send cookies',
  CORS_HEADERS: 'remove it, pages of CORS_ORIGINS may send all headers',
  HOST_META_ENABLED: 'let the proxy refuse /.well-known/host-meta',
  HTTP_STRICT_HOST: 'set HTTP_DEFAULT_HOST=none',
  LINK_RESUME: 'set LINK_RESUME_TIME=0 to mend no links',
  LISTEN_BACKLOG: 'set net.core.somaxconn',
  MAX_HELD_REQUESTS: 'set MAX_SESSIONS, the limit is twice this number',
  RATE_SESSION_BURST: 'set RATE_SESSION_BYTES, the limit is five times this number',
  SCRAM_MEMORY: 'set LINK_RESUME_TIME=0 to keep neither keys nor hashes of users',
  WARM_DENY: excluding('WARM_ALLOW'),
  WARM_STEP_TIMEOUT: 'set WARM_TIMEOUT, a step may take two thirds of it',
  WEBSOCKET_ASSUME_SECURE: 'set ASSUME_SECURE, or let the proxy send X-Forwarded-Proto',
  WEBSOCKET_DENY: excluding('WEBSOCKET_ALLOW'),
  WEBSOCKET_IDLE_TIMEOUT: 'set WEBSOCKET_PING_INTERVAL, without pings the time is 840 seconds',
  WEBSOCKET_MAX_MESSAGE_BYTES: 'remove it, or set MAX_STANZA_BYTES, which also sets the limit of messages',
  WEBSOCKET_REQUIRE_SECURE: 'set REQUIRE_SECURE',
  XMPP_LOCAL_ADDRESSES: 'remove it, and widen net.ipv4.ip_local_port_range: see docs/capacity.md',
  XMPP_SASL2: byOption('sasl2=off'),
  XMPP_STREAM_MANAGEMENT: byOption('sm=off'),
}
