// The chat of the page. What makes it come back after reloads and lost networks is in the module of the service.
import { Contacts } from './contacts.js'
import { Conversation } from './conversation.js'

const { Strophe } = globalThis
Strophe.setLogLevel(Strophe.LogLevel.WARN)
const { connect } = await import(document.getElementById('chat').dataset.module)
/** How many messages a page hands on to the next one in its tab. */
const mostKept = 200
/** Longer ones, in characters, are gone after a reload: strangers may write as much as they like. */
const longestKept = 5000
const banner = document.querySelector('.banner')
const contacts = new Contacts(document.querySelector('nav'), jid => conversation.show(contacts.get(jid)))
const conversation = new Conversation(document.querySelector('section'), (jid, text) => chat?.send(jid, text))
let chat

// Which way the chat comes is the reader's choice here, and a line of yours: the session is the same either way.
const transport = sessionStorage.transport ?? 'bosh'
for (const choice of document.querySelectorAll('[name=transport]')) {
  choice.checked = choice.value === transport
  choice.addEventListener('change', () => {
    sessionStorage.transport = choice.value
    location.reload()
  })
}

// A page that is loaded again shows what this tab has seen. Where the server has an archive, `history: 50` would do as well.
const { user } = document.getElementById('chat').dataset
const kept = JSON.parse(sessionStorage.messages ?? '{}')
// Another user may have signed in meanwhile, in another tab.
const shown = kept.user === user ? kept.shown : []
for (const message of shown) contacts.get(message.jid).messages.push(message)

function keep() {
  const last = shown.slice(-mostKept).filter(({ body }) => body.length <= longestKept)
  try {
    sessionStorage.messages = JSON.stringify({ user, shown: last })
  } catch {
    // Without room for them they are not there after a reload.
  }
}

banner.querySelector('button').addEventListener('click', () => (chat ? chat.retry() : location.reload()))

function showStatus({ state, code, reason, retryIn }) {
  if (code === 'signed-out') location.reload()
  const isAway = state === 'offline' || state === 'ended'
  banner.hidden = !isAway
  banner.querySelector('.why').textContent = retryIn ? `${reason} Next try in ${retryIn} s.` : (reason ?? '')
}

chat = await connect({
  Strophe,
  binding: '/chat/binding',
  transport,
  history: 0,
  onStatus: showStatus,
  onContacts: list => contacts.fill(list),
  onPresence({ from, isAvailable }) {
    contacts.note(from, isAvailable)
    conversation.refresh()
  },
  onMessage({ from, to, own, type, body, time }) {
    if (body === undefined) return
    const [jid] = (own ? to : from).split('/')
    const message = { jid, own, type, body, time: time.getTime() }
    const contact = contacts.get(jid)
    contact.messages.push(message)
    if (conversation.contact === contact) conversation.add(message)
    else if (!own) contacts.markUnread(contact)
    shown.push(message)
    keep()
  },
}).catch(() => undefined)
