// The chat of the page. The module of the service handles reloads and lost networks.
import { Contacts } from './contacts.js'
import { Conversation } from './conversation.js'

const { Strophe } = globalThis
Strophe?.setLogLevel(Strophe.LogLevel.WARN)
const { user, service } = document.getElementById('chat').dataset
const { connect } = await import(`${service}/assets/warm-bindings.js`).catch(() => ({})) // The service may be down.
/** Messages that a page keeps for the next page in its tab. */
const mostKept = 200
/** Longest message to keep, in characters: strangers may write any length. */
const longestKept = 5000
const banner = document.querySelector('.banner')
const contacts = new Contacts(document.querySelector('nav'), jid => conversation.show(contacts.get(jid)))
const conversation = new Conversation(document.querySelector('section'), {
  say: (jid, text) => chat?.send(jid, text),
  repeat: id => chat?.resend(id),
})
let chat

// In this demo the user selects the transport. In your portal, `transport` is a fixed option of `connect`.
const transport = sessionStorage.transport ?? 'bosh'
for (const choice of document.querySelectorAll('[name=transport]')) {
  choice.checked = choice.value === transport
  choice.addEventListener('change', () => {
    sessionStorage.transport = choice.value
    location.reload()
  })
}

// After a reload the page shows the messages of this tab. If the server has an archive, use `history: 50` instead.
const kept = JSON.parse(sessionStorage.messages ?? '{}')
// Another user may have signed in, in another tab.
const shown = kept.user === user ? kept.shown : []
for (const message of shown) contacts.get(message.jid).messages.push(message)

function keep() {
  const last = shown.slice(-mostKept).filter(({ body }) => body.length <= longestKept)
  try {
    sessionStorage.messages = JSON.stringify({ user, shown: last })
  } catch {
    // Without storage, messages are lost after a reload.
  }
}

banner.querySelector('button').addEventListener('click', () => (chat ? chat.retry() : location.reload()))

function showStatus({ state, code, reason, retryIn }) {
  // Only pages of users who are signed in load this file. Otherwise the page would reload without end.
  if (code === 'signed-out') location.reload()
  banner.hidden = state !== 'offline' && state !== 'ended'
  banner.querySelector('.why').textContent = retryIn ? `${reason} Next try in ${retryIn} s.` : (reason ?? '')
}

if (!connect) showStatus({ state: 'ended', reason: 'There is no chat at the moment.' })
chat = await connect?.({
  Strophe,
  service,
  token: '/chat/token',
  checkEvery: 60, // in seconds: ends the chat if the portal session has expired
  transport,
  history: 0,
  onStatus: showStatus,
  onContacts: list => contacts.fill(list),
  onPresence({ from, isAvailable }) {
    contacts.note(from, isAvailable)
    conversation.refresh()
  },
  onMessage({ id, from, to, own, body, time }) {
    if (body === undefined) return
    const [jid] = (own ? to : from).split('/')
    const message = { id, jid, own, body, time: time.getTime() }
    const contact = contacts.get(jid)
    contact.messages.push(message)
    if (conversation.contact === contact) conversation.add(message)
    else if (!own) contacts.markUnread(contact)
    shown.push(message)
    keep()
  },
  onMessageState({ id, state, reason }) {
    const message = shown.find(each => each.own && each.id === id)
    if (message === undefined) return
    message.failure = state === 'failed' ? reason : undefined
    conversation.update(message)
    keep()
  },
}).catch(() => undefined)
