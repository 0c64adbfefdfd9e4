/** The conversation with one contact, and the input line. */
export class Conversation {
  contact
  #element
  #log
  #page

  /**
   * `page` acts: `say` sends a text to a JID, `repeat` a failed message by its id, `edit` tells the other side about
   * typing, `see` that a message was read, `fetchEarlier` asks the archive.
   */
  constructor(element, page) {
    const { say, edit } = page
    this.#element = element
    this.#page = page
    this.#log = element.querySelector('[role=log]')
    const field = element.querySelector('#text')
    element.querySelector('form').addEventListener('submit', event => {
      event.preventDefault()
      const text = field.value.trim()
      if (text !== '') say(this.contact.jid, text)
      field.value = ''
      field.focus()
    })
    field.addEventListener('input', () => edit(this.contact.jid, field.value === ''))
    element.querySelector('.earlier').addEventListener('click', () => this.#showEarlier())
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
    this.showTyping(contact, contact.isTyping)
    this.#element.querySelector('.earlier').hidden = contact.isWhole === true
    this.#log.replaceChildren()
    if (contact.messages.length === 0) this.#log.append(this.#line('empty', 'There are no messages yet.'))
    for (const message of contact.messages) this.add(message)
    this.#element.querySelector('#text').focus()
  }

  showTyping(contact, isTyping = false) {
    contact.isTyping = isTyping
    if (contact !== this.contact) return
    this.#element.querySelector('.typing').textContent = isTyping ? `${contact.name} is typing…` : ''
  }

  async #showEarlier() {
    const { contact } = this
    const { messages, before } = await this.#page
      .fetchEarlier(contact.jid, contact.before)
      .catch(() => ({ messages: [] })) // The server has no archive.
    const known = new Set(contact.messages.map(({ id }) => id))
    contact.messages.unshift(...messages.filter(({ id }) => !known.has(id)))
    contact.before = before
    contact.isWhole = before === undefined
    if (contact === this.contact) this.show(contact)
  }

  /** Shows whether the contact is online. */
  refresh() {
    if (this.contact === undefined) return
    const text = this.contact.clients.size > 0 ? 'online' : 'offline: messages wait'
    this.#element.querySelector('.presence').textContent = text
  }

  add(message) {
    this.#page.see(message)
    this.#log.querySelector('.empty')?.remove()
    this.#log.append(this.#lineOf(message))
    this.#log.scrollTop = this.#log.scrollHeight
  }

  /** Shows the present state of a message. */
  update(message) {
    const line = [...this.#log.children].find(({ dataset }) => dataset.id === message.id)
    if (this.contact?.jid === message.jid) line?.replaceWith(this.#lineOf(message))
  }

  #lineOf({ id, body, own, time, failure, isSeen }) {
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
    if (isSeen) stamp.append(' · Seen')
    if (failure === undefined) return line
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = 'Send again'
    button.addEventListener('click', () => this.#page.repeat(id))
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
