// The chat of the page: Converse, with a session that the portal's backend has warmed.
const { jid, boshUrl } = document.getElementById('chat').dataset

// The tab's name, kept over a reload. Removed while the page is open: a duplicate of the tab copies sessionStorage.
const tab = sessionStorage.tab ?? crypto.randomUUID()
addEventListener('pageshow', () => sessionStorage.removeItem('tab'))
addEventListener('pagehide', () => sessionStorage.setItem('tab', tab))

converse.plugins.add('portal', {
  initialize() {
    const showProblem = () => document.querySelector('.problem').removeAttribute('hidden')
    this._converse.api.listen.on('noResumeableBOSHSession', showProblem)
  },
})

converse.initialize({
  authentication: 'prebind',
  prebind_url: `/chat/binding?tab=${tab}`,
  bosh_service_url: boshUrl,
  jid,
  auto_login: true,
  // After a reload the portal's backend resumes the session; Converse need not remember it.
  keepalive: false,
  allow_logout: false,
  assets_path: '/converse/',
  persistent_store: 'sessionStorage',
  view_mode: 'fullscreen',
  blacklisted_plugins: ['converse-omemo'],
  whitelisted_plugins: ['portal'],
})
