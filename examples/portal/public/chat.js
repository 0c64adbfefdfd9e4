// The chat of the page: Converse, which has the portal log it in.
const { jid, boshUrl } = document.getElementById('chat').dataset

// The tab's name, which it keeps when it is loaded again. Left lying about, it would go to a duplicate of the tab as well.
const tab = sessionStorage.tab ?? crypto.randomUUID()
addEventListener('pageshow', () => sessionStorage.removeItem('tab'))
addEventListener('pagehide', () => sessionStorage.setItem('tab', tab))

converse.plugins.add('portal', {
  initialize() {
    const sayThatThereIsNone = () => document.querySelector('.problem').removeAttribute('hidden')
    this._converse.api.listen.on('noResumeableBOSHSession', sayThatThereIsNone)
  },
})

converse.initialize({
  authentication: 'prebind',
  prebind_url: `/chat/binding?tab=${tab}`,
  bosh_service_url: boshUrl,
  jid,
  auto_login: true,
  // The portal knows what has become of the session when the page is loaded again.
  keepalive: false,
  allow_logout: false,
  assets_path: '/converse/',
  persistent_store: 'sessionStorage',
  view_mode: 'fullscreen',
  blacklisted_plugins: ['converse-omemo'],
  whitelisted_plugins: ['portal'],
})
