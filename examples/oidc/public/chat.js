// The chat of the page, by the module of the service.
const { Strophe } = globalThis
const place = document.getElementById('chat')
const { service } = place.dataset
const { connect } = await import(`${service}/assets/warm-bindings.js`)
const status = place.querySelector('[role=status]')
Strophe.setLogLevel(Strophe.LogLevel.WARN)

function showStatus({ state, code, reason }) {
  if (code === 'signed-out') location.reload()
  status.textContent = state === 'online' ? 'You are online.' : (reason ?? 'The chat is coming.')
}

function show({ from, own, body }) {
  if (!body) return
  const line = document.createElement('li')
  line.textContent = `${own ? 'You' : Strophe.getBareJidFromJid(from)}: ${body}`
  place.querySelector('ol').append(line)
}

const chat = await connect({ Strophe, service, token: '/chat/token', onStatus: showStatus, onMessage: show })

place.querySelector('form').addEventListener('submit', event => {
  event.preventDefault()
  const { to, text } = event.target.elements
  chat.send(to.value, text.value)
  text.value = ''
})
