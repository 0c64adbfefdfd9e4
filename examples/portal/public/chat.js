// The chat of the page: Converse, with a session that the portal's backend has warmed.
const { jid, boshUrl, socketUrl } = document.getElementById('chat').dataset

// The tab's name, kept over a reload. Removed while the page is open: a duplicate of the tab copies sessionStorage.
const tab = sessionStorage.tab ?? crypto.randomUUID()
addEventListener('pageshow', () => sessionStorage.removeItem('tab'))
addEventListener('pagehide', () => sessionStorage.setItem('tab', tab))

// Which way the chat comes is the reader's choice here, and a line of yours: the session is the same either way.
const transport = sessionStorage.transport ?? 'bosh'
for (const choice of document.querySelectorAll('[name=transport]')) {
  choice.checked = choice.value === transport
  choice.addEventListener('change', () => {
    sessionStorage.transport = choice.value
    location.reload()
  })
}
const ways = {
  bosh: {
    authentication: 'prebind',
    prebind_url: `/chat/binding?tab=${tab}`,
    bosh_service_url: boshUrl,
    // After a reload the portal's backend resumes the session; Converse need not remember it.
    keepalive: false,
    // What it remembers of a WebSocket would have it ask here what has arrived (XEP-0198), and servers end the stream for that.
    enable_smacks: false,
    smacks_max_unacked_stanzas: 0,
  },
  websocket: {
    authentication: 'login',
    credentials_url: `/chat/credentials?tab=${tab}`,
    websocket_url: socketUrl,
    discover_connection_methods: false,
  },
}

converse.plugins.add('portal', {
  initialize() {
    const { listen } = this._converse.api
    const showProblem = isThere => document.querySelector('.problem').toggleAttribute('hidden', !isThere)
    listen.on('noResumeableBOSHSession', () => showProblem(true))
    // Converse asks for credentials every two seconds until there are any.
    listen.on('beforeFetchLoginCredentials', (_context, request) => {
      request.addEventListener('load', () => showProblem(request.status >= 400))
      return request
    })
  },
})

converse.initialize({
  ...ways[transport],
  jid,
  auto_login: true,
  allow_logout: false,
  assets_path: '/converse/',
  persistent_store: 'sessionStorage',
  view_mode: 'fullscreen',
  blacklisted_plugins: ['converse-omemo'],
  whitelisted_plugins: ['portal'],
})
