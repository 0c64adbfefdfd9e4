// Converse 14 fetches `credentials_url` each time it connects. If it may also use BOSH, set `enable_smacks: false`.
sessionStorage.tab ??= crypto.randomUUID() // browsers copy it to a duplicated tab
const { tab } = sessionStorage
converse.initialize({
  assets_path: '/converse/', // its folder dist
  authentication: 'login',
  auto_login: true,
  credentials_url: `/chat/credentials?tab=${tab}`,
  websocket_url: 'wss://chat.example.org/xmpp-websocket/warm',
  discover_connection_methods: false, // it would find the endpoint for logins with passwords
  jid: 'alice@example.org', // the user who is signed in
})
