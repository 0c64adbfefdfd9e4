// The desk of the agents. Each guest is a conversation.
import { Kept, nameOf, readable, show } from './messages.js'

const { Strophe } = globalThis
const { service } = document.querySelector('main').dataset
const [status, hint, list] = document.querySelectorAll('[role=status], .hint, nav ul')
const section = document.querySelector('section')
const log = section.querySelector('[role=log]')
const form = section.querySelector('form')
const kept = new Kept('desk')
/** By bare JID: the button of each guest, and the name. */
const guests = new Map()
let current
let chat

function guestOf({ jid, own, nickname }) {
  const guest = guests.get(jid) ?? addGuest(jid)
  if (!own) guest.name = nameOf(jid, nickname)
  guest.button.textContent = guest.name + (guest.isUnread ? ', new message' : '')
  return guest
}

function addGuest(jid) {
  const button = Object.assign(document.createElement('button'), { type: 'button' })
  const item = document.createElement('li')
  const guest = { jid, button, name: nameOf(jid), isUnread: false }
  button.addEventListener('click', () => open(guest))
  item.append(button)
  list.append(item)
  hint.hidden = true
  guests.set(jid, guest)
  return guest
}

function open(guest) {
  current?.button.removeAttribute('aria-current')
  current = guest
  guest.isUnread = false
  guest.button.textContent = guest.name
  guest.button.setAttribute('aria-current', 'true')
  section.hidden = false
  section.querySelector('h2').textContent = guest.name
  log.replaceChildren()
  for (const message of kept.all) if (message.jid === guest.jid) showIn(guest, message)
  form.elements.text.focus()
}

const showIn = (guest, message) => show(log, message, message.own ? 'You' : guest.name)

function take(message) {
  kept.add(message)
  const guest = guests.get(message.jid) ?? addGuest(message.jid)
  guest.isUnread ||= !message.own && guest !== current
  guestOf(message)
  if (guest === current) showIn(guest, message)
}

form.addEventListener('submit', event => {
  event.preventDefault()
  const field = form.elements.text
  const text = field.value.trim()
  if (text !== '') chat?.send(current.jid, text)
  field.value = ''
})

for (const message of kept.all) guestOf(message)
Strophe?.setLogLevel(Strophe.LogLevel.WARN)
try {
  const { connect } = await import(`${service}/assets/warm-bindings.js`)
  chat = await connect({
    Strophe,
    service,
    token: '/desk/token',
    history: 0,
    onMessage: message => message.body !== undefined && take(readable(message)),
    onMessageState(state) {
      const message = kept.change(state)
      if (message && message.jid === current?.jid) showIn(current, message)
    },
    onStatus({ state, reason }) {
      status.textContent = state === 'online' ? 'Online' : (reason ?? 'Connecting…')
    },
  })
} catch {
  status.textContent = 'There is no chat at the moment. Reload this page to try again.'
}
