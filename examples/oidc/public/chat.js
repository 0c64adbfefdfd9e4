// The chat of the page, by the module of the service.
const { Strophe } = globalThis
const place = document.getElementById('chat')
const { service } = place.dataset
const status = place.querySelector('[role=status]')

function showStatus({ state, code, reason }) {
  // Only pages of users who are signed in load this file. Otherwise the page would reload without end.
  if (code === 'signed-out') location.reload()
  status.textContent = state === 'online' ? 'You are online.' : (reason ?? 'The chat is loading.')
}

function show({ from, own, body }) {
  if (!body) return
  const line = document.createElement('li')
  line.textContent = `${own ? 'You' : Strophe.getBareJidFromJid(from)}: ${body}`
  place.querySelector('ol').append(line)
}

let chat
place.querySelector('form').addEventListener('submit', event => {
  event.preventDefault()
  if (chat === undefined) return
  const { to, text } = event.target.elements
  chat.send(to.value, text.value)
  text.value = ''
})

try {
  const { connect } = await import(`${service}/assets/warm-bindings.js`)
  Strophe.setLogLevel(Strophe.LogLevel.WARN)
  chat = await connect({ Strophe, service, token: '/chat/token', onStatus: showStatus, onMessage: show })
} catch {
  // An ended chat has its own reason.
  if (status.textContent === 'The chat is loading.') status.textContent = 'There is no chat at the moment.'
}
