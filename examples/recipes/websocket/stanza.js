import { createClient } from 'stanza'

sessionStorage.tab ??= crypto.randomUUID() // browsers copy it to a duplicated tab
const { tab } = sessionStorage
const client = createClient({
  jid: 'alice@example.org', // the user who is signed in
  transports: { websocket: 'wss://chat.example.org/xmpp-websocket/warm', bosh: false },
  autoReconnect: true,
})
client.getCredentials = async () => {
  const answer = await fetch(`/chat/credentials?tab=${tab}`)
  if (answer.status === 401) client.disconnect() // signed out
  if (!answer.ok) throw new Error(`No chat at the moment: ${answer.status}`)
  const { jid, password } = await answer.json()
  return { username: jid.split('@')[0], password }
}
client.on('session:started', () => client.sendPresence()) // not after a resumption
client.connect()
