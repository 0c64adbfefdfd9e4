/** Strangers may write any length. */
const longest = 5000
const mostKept = 200

/** The name that a guest claims, and a part of the address, which no other guest has. */
export function nameOf(jid, nickname) {
  const address = jid.slice(0, 6)
  return nickname ? `${nickname.slice(0, 40)} (${address})` : `Guest ${address}`
}

export const readable = ({ id, own, from, to, body, time, nickname }) => ({
  ...{ id, own, jid: (own ? to : from).split('/')[0], nickname },
  ...{ body: body.slice(0, longest), time: time.getTime() },
})

/** Shows a message at the end of the log, or shows it again after it has failed. */
export function show(log, { id, own, body, time, failure }, who) {
  const line = document.createElement('div')
  line.className = own ? 'own' : 'other'
  line.dataset.id = id ?? ''
  const sender = Object.assign(document.createElement('span'), { className: 'unseen', textContent: `${who}: ` })
  const text = Object.assign(document.createElement('p'), { textContent: body })
  const stamp = document.createElement('time')
  stamp.dateTime = new Date(time).toISOString()
  stamp.textContent = new Date(time).toLocaleTimeString([], { timeStyle: 'short' })
  line.append(sender, text, stamp)
  if (failure) line.append(Object.assign(document.createElement('p'), { className: 'why', textContent: failure }))
  const before = id && [...log.children].find(each => each.dataset.id === id)
  if (before) before.replaceWith(line)
  else log.append(line)
  log.scrollTop = log.scrollHeight
}

/** The messages of this tab. With an archive at the XMPP server, use the option `history` instead. */
export class Kept {
  #name

  constructor(name) {
    this.#name = name
    this.all = JSON.parse(sessionStorage.getItem(name) ?? '[]')
  }

  add(message) {
    this.all.push(message)
    this.#store()
  }

  /** Returns the message with its new state. */
  change({ id, state, reason }) {
    const message = this.all.find(each => each.own && each.id === id)
    if (message) message.failure = state === 'failed' ? reason : undefined
    this.#store()
    return message
  }

  forget() {
    this.all = []
    sessionStorage.removeItem(this.#name)
  }

  #store() {
    try {
      sessionStorage.setItem(this.#name, JSON.stringify(this.all.slice(-mostKept)))
    } catch {
      // Without storage, messages are lost after a reload.
    }
  }
}
