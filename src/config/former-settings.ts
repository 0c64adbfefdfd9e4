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
  XMPP_SASL2: 'write sasl2=off for the server in XMPP_SERVERS',
  XMPP_STREAM_MANAGEMENT: 'write sm=off for the server in XMPP_SERVERS',
}
