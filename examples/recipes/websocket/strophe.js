// Strophe 5
sessionStorage.tab ??= crypto.randomUUID() // browsers copy it to a duplicated tab
const { tab } = sessionStorage
const address = 'wss://chat.example.org/xmpp-websocket/warm'
const connection = new Strophe.Connection(address, { enableStreamManagement: true })
let timer
async function chat(pause = 1) {
  const began = Date.now()
  const again = () => {
    clearTimeout(timer) // DISCONNECTED may come twice
    // Pauses between attempts double, up to a minute. After a minute online, pauses start at 1 s again.
    timer = setTimeout(chat, pause * 1000, Date.now() - began > 60_000 ? 1 : Math.min(2 * pause, 60))
  }
  const answer = await fetch(`/chat/credentials?tab=${tab}`).catch(() => undefined)
  if (answer?.status === 401) return // signed out
  if (!answer?.ok) return again()
  const { jid, password } = await answer.json()
  connection.connect(jid, password, status => {
    // Add handlers here. After a resumption the server still knows the presence.
    if (status === Strophe.Status.CONNECTED && !connection.hasResumed()) connection.send($pres())
    if (status === Strophe.Status.AUTHFAIL) connection.disconnect()
    if (status === Strophe.Status.DISCONNECTED) again()
  })
}
chat()
