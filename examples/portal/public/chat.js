// The chat of the page. The module of the service handles reloads and lost networks.
import { Contacts } from './contacts.js'
import { Conversation } from './conversation.js'

const { Strophe } = globalThis
Strophe?.setLogLevel(Strophe.LogLevel.WARN)
const { user, service } = document.getElementById('chat').dataset
const load = name => import(`${service}/assets/${name}.js`).catch(() => ({})) // The service may be down.
const [{ connect }, more] = await Promise.all([load('warm-bindings'), load('warm-bindings-more')])
/** Messages that a page keeps for the next page in its tab. */
const mostKept = 200
/** Longest message to keep, in characters: strangers may write any length. */
const longestKept = 5000
const banner = document.querySelector('.banner')
const contacts = new Contacts(document.querySelector('nav'), jid => conversation.show(contacts.get(jid)))
const conversation = new Conversation(document.querySelector('section'), {
  say: (jid, text) => chat?.send(jid, text),
  repeat: id => chat?.resend(id),
  edit: (jid, isEmpty) => (isEmpty ? notices?.stop(jid) : notices?.tell(jid)),
  see: message => fromModule.has(message) && marks?.read(fromModule.get(message)),
  async fetchEarlier(jid, before) {
    const page = await more.earlier(chat, jid, { before })
    return { ...page, messages: page.messages.map(toShow).filter(message => message) }
  },
})
let chat, marks, notices
/** What the module gave, by what the page shows. */
const fromModule = new WeakMap()

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

function toShow({ id, from, to, own, body, time }) {
  const [jid] = (own ? to : from).split('/')
  return body && { id, jid, own, body, time: time.getTime() }
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
  onPresence({ from, isAvailable }) {
    contacts.note(from, isAvailable)
    conversation.refresh()
  },
  onMessage(received) {
    const message = toShow(received)
    if (!message) return
    const { jid, own } = message
    fromModule.set(message, received)
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

if (chat && more.people) {
  more.people(chat, people => contacts.fill(people))
  notices = more.typing(chat, (jid, isTyping) => conversation.showTyping(contacts.get(jid), isTyping))
  marks = more.readMarks(chat, (jid, id) => {
    // Read marks are for a message and all before it.
    const sent = contacts.get(jid).messages.filter(({ own }) => own)
    for (const message of sent.slice(0, sent.findIndex(each => each.id === id) + 1)) {
      message.isSeen = true
      conversation.update(message)
    }
  })
}
