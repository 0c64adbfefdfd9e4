// Bundle it with `esbuild --bundle --alias:node:dns=./no-dns.js`. The file no-dns.js has: export default {}
import { client, xml } from '@xmpp/client'

sessionStorage.tab ??= crypto.randomUUID() // browsers copy it to a duplicated tab
const { tab } = sessionStorage
const xmpp = client({
  service: 'wss://chat.example.org/xmpp-websocket/warm',
  domain: 'example.org',
  async credentials(authenticate) {
    const answer = await fetch(`/chat/credentials?tab=${tab}`)
    if (answer.status === 401) return xmpp.stop() // signed out
    if (!answer.ok) throw new Error(`No chat at the moment: ${answer.status}`)
    const { jid, password } = await answer.json()
    await authenticate({ username: jid.split('@')[0], password }, 'PLAIN')
    // With FAST (XEP-0484) the page sends a hash of the token instead. This URL names no process, so the service must
    // have one process only.
    // await authenticate({ username: jid.split('@')[0], token: { mechanism: 'HT-SHA-256-NONE', token: password } })
  },
})
// If the login fails, xmpp.js leaves the connection open. After it is closed, xmpp.js reconnects.
xmpp.on('error', error => {
  console.error(error)
  if (xmpp.status !== 'online') xmpp.disconnect().catch(() => {})
})
xmpp.on('online', () => xmpp.send(xml('presence'))) // not after a resumption
xmpp.start().catch(console.error)
