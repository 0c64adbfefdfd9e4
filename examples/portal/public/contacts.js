/** The list of contacts, by name. */
export class Contacts {
  #list
  #hint
  #choose
  #byJid = new Map()
  /** Full JIDs that are online, by contact. Presence may arrive before the list. */
  #online = new Map()

  constructor(element, choose) {
    this.#list = element.querySelector('ul')
    this.#hint = element.querySelector('.hint')
    this.#choose = choose
  }

  /** Adds a sender who is not in the user's list. */
  get(jid) {
    const contact = this.#byJid.get(jid) ?? this.#add(jid)
    this.#hint.textContent = this.#byJid.size > 0 ? '' : 'You have no contacts yet.'
    return contact
  }

  fill(list) {
    for (const { jid, name } of list) {
      const contact = this.get(jid)
      if (name !== jid.split('@')[0]) contact.name = name
      contact.button.querySelector('.name').textContent = contact.name
    }
    if (list.length === 0 && this.#byJid.size === 0) this.#hint.textContent = 'You have no contacts yet.'
  }

  /** A contact is online while one of its clients is. */
  note(from, isAvailable) {
    const [jid] = from.split('/')
    const clients = this.#clientsOf(jid)
    if (isAvailable) clients.add(from)
    else if (from === jid) clients.clear()
    else clients.delete(from)
    const contact = this.#byJid.get(jid)
    if (contact !== undefined) this.#showPresence(contact)
  }

  markUnread(contact) {
    contact.button.classList.add('unread')
    contact.button.querySelector('.unseen').textContent = ' new message,'
  }

  #clientsOf(jid) {
    if (!this.#online.has(jid)) this.#online.set(jid, new Set())
    return this.#online.get(jid)
  }

  #showPresence({ button, clients }) {
    const isOnline = clients.size > 0
    button.dataset.online = isOnline ? 'yes' : 'no'
    button.querySelector('.presence').textContent = isOnline ? 'online' : 'offline'
  }

  #add(jid) {
    const [local] = jid.split('@')
    const name = local.charAt(0).toUpperCase() + local.slice(1)
    const button = document.createElement('button')
    button.type = 'button'
    for (const [className, text] of [
      ['name', name],
      ['unseen', ''],
      ['presence', ''],
    ]) {
      const span = document.createElement('span')
      span.className = className
      span.textContent = text
      button.append(span)
    }
    const contact = { jid, name, button, clients: this.#clientsOf(jid), messages: [] }
    this.#showPresence(contact)
    button.addEventListener('click', () => {
      for (const other of this.#byJid.values()) other.button.removeAttribute('aria-current')
      button.setAttribute('aria-current', 'true')
      button.classList.remove('unread')
      button.querySelector('.unseen').textContent = ''
      this.#choose(jid)
    })
    const item = document.createElement('li')
    item.append(button)
    this.#list.append(item)
    this.#byJid.set(jid, contact)
    return contact
  }
}
