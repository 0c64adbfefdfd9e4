/** The conversation with one contact, and the input line. */
export class Conversation {
  contact
  #element
  #log
  #repeat

  /** `say` sends a text to a JID, `repeat` a failed message by its id. */
  constructor(element, { say, repeat }) {
    this.#element = element
    this.#repeat = repeat
    this.#log = element.querySelector('[role=log]')
    const field = element.querySelector('#text')
    element.querySelector('form').addEventListener('submit', event => {
      event.preventDefault()
      const text = field.value.trim()
      if (text !== '') say(this.contact.jid, text)
      field.value = ''
      field.focus()
    })
    element.querySelector('.back').addEventListener('click', () => {
      document.body.classList.remove('reading')
      this.contact.button.focus()
    })
  }

  show(contact) {
    this.contact = contact
    document.body.classList.add('reading')
    this.#element.querySelector('.hint').hidden = true
    this.#element.querySelector('.conversation').hidden = false
    this.#element.querySelector('h2').textContent = contact.name
    this.refresh()
    this.#log.replaceChildren()
    if (contact.messages.length === 0) this.#log.append(this.#line('empty', 'There are no messages yet.'))
    for (const message of contact.messages) this.add(message)
    this.#element.querySelector('#text').focus()
  }

  /** Shows whether the contact is online. */
  refresh() {
    if (this.contact === undefined) return
    const text = this.contact.clients.size > 0 ? 'online' : 'offline: messages wait'
    this.#element.querySelector('.presence').textContent = text
  }

  add(message) {
    this.#log.querySelector('.empty')?.remove()
    this.#log.append(this.#lineOf(message))
    this.#log.scrollTop = this.#log.scrollHeight
  }

  /** Shows the present state of a message. */
  update(message) {
    const line = [...this.#log.children].find(({ dataset }) => dataset.id === message.id)
    if (this.contact?.jid === message.jid) line?.replaceWith(this.#lineOf(message))
  }

  #lineOf({ id, body, own, time, failure }) {
    const line = this.#line(own ? 'own' : 'other', body)
    const sender = document.createElement('span')
    sender.className = 'unseen'
    sender.textContent = own ? 'You: ' : `${this.contact.name}: `
    line.prepend(sender)
    line.dataset.id = id ?? ''
    const stamp = document.createElement('time')
    stamp.dateTime = new Date(time).toISOString()
    stamp.textContent = new Date(time).toLocaleTimeString([], { timeStyle: 'short' })
    line.append(stamp)
    if (failure === undefined) return line
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = 'Send again'
    button.addEventListener('click', () => this.#repeat(id))
    const why = document.createElement('p')
    why.className = 'why'
    why.append(`${failure} `, button)
    line.append(why)
    return line
  }

  #line(className, text) {
    const line = document.createElement('div')
    line.className = className
    const paragraph = document.createElement('p')
    paragraph.textContent = text
    line.append(paragraph)
    return line
  }
}
