// The chat of the page: Strophe, with a session that the portal's backend has warmed.
const { boshUrl } = document.getElementById('chat').dataset
const status = document.querySelector('[role=status]')
let connection

// The tab's name, kept over a reload. Removed while the page is open: a duplicate of the tab copies sessionStorage.
const tab = sessionStorage.tab ?? crypto.randomUUID()
addEventListener('pageshow', () => sessionStorage.removeItem('tab'))
addEventListener('pagehide', () => sessionStorage.setItem('tab', tab))

async function chat(pause = 1) {
  const began = Date.now()
  const again = () => {
    status.textContent = 'There is no chat at the moment.'
    // Less and less often, unless it went well for a minute.
    setTimeout(chat, pause * 1000, Date.now() - began > 60_000 ? 1 : Math.min(2 * pause, 60))
  }
  const answer = await fetch(`/chat/binding?tab=${tab}`).catch(() => undefined)
  if (answer?.status === 401) return location.reload() // signed out
  if (!answer?.ok) return again()
  const { jid, sid, rid } = await answer.json()
  connection = new Strophe.Connection(boshUrl)
  connection.attach(jid, sid, rid, code => {
    if (code === Strophe.Status.ATTACHED) {
      status.textContent = 'You are online.'
      connection.addHandler(receive, null, 'message', 'chat')
      connection.send($pres()) // leaves with the first request
    }
    if (code === Strophe.Status.DISCONNECTED) again()
  })
}
chat()

function receive(message) {
  const text = message.querySelector('body')?.textContent
  if (text) show(Strophe.getBareJidFromJid(message.getAttribute('from')), text)
  return true // and all that come after it
}

function show(from, text) {
  const line = document.createElement('li')
  line.textContent = `${from}: ${text}`
  document.querySelector('ol').append(line)
}

document.querySelector('#chat form').addEventListener('submit', event => {
  event.preventDefault()
  const { to, text } = event.target.elements
  connection.send($msg({ to: to.value, type: 'chat' }).c('body').t(text.value))
  show('You', text.value)
  text.value = ''
})
