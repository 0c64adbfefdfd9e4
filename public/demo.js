// The demo's page: each pane has a chat over its own warmed session. Needs strophe.js.
const { Strophe } = globalThis
Strophe.setLogLevel(Strophe.LogLevel.FATAL)

const stateTexts = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  online: 'Connected',
  offline: 'Lost',
  closed: 'Disconnected',
  ended: 'Ended',
}

/** On phones, the chat needs the room of the details. */
const isNarrow = matchMedia('(max-width: 49.99rem)')

/** Messages that a page keeps for the next page of its tab. */
const mostKept = 100

class Pane {
  #element
  #account
  #other
  #otherTitle
  #state = 'idle'
  /** What an earlier call of `connect` reports does not count. */
  #attempt
  /** Undefined until it is online for the first time. */
  #chat
  /** Full JIDs with which the other user is online. */
  #online = new Set()
  /** State for the next page of this tab. */
  #kept = { isConnected: false, messages: [] }

  constructor(element) {
    this.#element = element
    this.#account = element.dataset.account
    this.#other = element.dataset.other
    this.#otherTitle = element.dataset.otherTitle
    this.#find('.toggle').addEventListener('click', () => this.#toggle())
    this.#find('.write').addEventListener('submit', event => {
      event.preventDefault()
      this.#say()
    })
    this.#goOn()
  }

  get #name() {
    return `demo ${this.#account}`
  }

  /** Continues the previous page of this tab. */
  #goOn() {
    try {
      this.#kept = { ...this.#kept, ...JSON.parse(sessionStorage.getItem(this.#name)) }
    } catch {
      // This browser has no storage.
    }
    for (const message of this.#kept.messages) this.#showMessage(message)
    if (this.#kept.isConnected) this.#connect()
  }

  #keep(kept) {
    this.#kept = { ...this.#kept, ...kept }
    try {
      sessionStorage.setItem(this.#name, JSON.stringify(this.#kept))
    } catch {
      // Without storage, or if the storage is full, messages are lost after a reload.
    }
  }

  #find(selector) {
    return this.#element.querySelector(selector)
  }

  #toggle() {
    if (this.#chat !== undefined) this.#chat.close()
    else if (this.#state === 'offline') this.#giveUp()
    else if (this.#state !== 'connecting') this.#connect()
  }

  #giveUp() {
    this.#attempt = undefined
    this.#keep({ isConnected: false })
    this.#show('closed')
  }

  /** This script imports the module, because Chromium ignores `<script type="module">` in pages that are XML. */
  async #connect() {
    const attempt = {}
    this.#attempt = attempt
    const isCurrent = () => this.#attempt === attempt
    this.#show('connecting')
    const { transport, module } = document.body.dataset
    try {
      const { connect } = await import(module)
      const chat = await connect({
        Strophe,
        binding: async tab => (isCurrent() ? this.#warm(tab) : undefined),
        transport,
        history: 0,
        name: this.#name,
        onStatus: status => isCurrent() && this.#follow(status),
        onPresence: presence => this.#notePresence(presence),
        onMessage: message => this.#receive(message),
      })
      if (isCurrent()) this.#chat = chat
      else chat.close()
    } catch {
      // `onStatus` shows other reasons.
      if (isCurrent() && this.#state === 'connecting')
        this.#show('ended', 'The module for pages cannot be loaded. Reload this page.')
    }
  }

  /** Asks the demo for a session. The user of a real portal would be signed in. */
  async #warm(tab) {
    const started = performance.now()
    const reply = await fetch('demo/warm', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ account: this.#account, tab }),
    })
    const binding = await reply.json()
    if (!reply.ok) throw new Error(binding.detail)
    const what = binding.resumed ? 'continued' : 'logged in'
    this.#find('.took').textContent = `${what} in ${Math.round(performance.now() - started)} ms`
    const values = { ...binding, token: binding.websocket?.token }
    for (const place of this.#element.querySelectorAll('.binding dd')) place.textContent = values[place.className]
    return { ...binding, url: new URL(binding.url, location.href).pathname }
  }

  #follow({ state, code, reason, retryIn }) {
    // The chat starts again when the user returns to the tab.
    const mayReturn = code === 'unreachable' || code === 'replaced'
    if (state === 'ended' && !mayReturn) this.#chat = undefined
    if (state === 'online' && this.#state !== 'online' && isNarrow.matches) this.#find('details').open = false
    if (state === 'online' || code === 'closed') this.#keep({ isConnected: state === 'online' })
    const again = retryIn === undefined ? '' : ` Next try in ${retryIn} s.`
    if (code === 'closed') this.#show('closed')
    else this.#show(mayReturn ? 'offline' : state, reason && reason + again)
  }

  #notePresence({ from, isAvailable }) {
    if (Strophe.getBareJidFromJid(from) !== this.#other) return
    if (isAvailable) this.#online.add(from)
    else this.#online.delete(from)
    this.#showPresence()
  }

  #receive({ from, type, body, own, stanza }) {
    if (own) this.#logOwn(body)
    if (Strophe.getBareJidFromJid(from) !== this.#other) return
    const wasKept = stanza.getElementsByTagName('delay').length > 0
    if (type === 'error') this.#log('received', 'The last message was not delivered.')
    else if (body) this.#log('received', body, wasKept ? 'sent while you were offline' : undefined)
  }

  #say() {
    const field = this.#find('.text')
    const text = field.value.trim()
    if (text === '' || this.#chat === undefined) return
    this.#chat.send(this.#other, text)
    field.value = ''
    field.focus()
  }

  #logOwn(text) {
    this.#log('sent', text, this.#online.size > 0 ? undefined : `sent while ${this.#otherTitle} was offline`)
  }

  #log(...message) {
    this.#keep({ messages: [...this.#kept.messages, message].slice(-mostKept) })
    this.#showMessage(message)
  }

  #showMessage([kind, text, note]) {
    const entry = document.createElement('p')
    entry.className = kind
    const speaker = document.createElement('span')
    speaker.className = 'speaker'
    speaker.textContent = kind === 'sent' ? 'You: ' : `${this.#otherTitle}: `
    entry.append(speaker, text)
    if (note) {
      const small = document.createElement('span')
      small.className = 'note'
      small.textContent = note
      entry.append(small)
    }
    const log = this.#find('.log')
    log.append(entry)
    log.scrollTop = log.scrollHeight
  }

  #show(state, reason = '') {
    this.#state = state
    const isConnected = state === 'online'
    this.#find('.state').dataset.state = state
    this.#find('.state-text').textContent = stateTexts[state]
    this.#find('.reason').textContent = reason
    // The values of an ended session are useless.
    this.#find('.binding').classList.toggle('spent', state === 'closed' || state === 'ended')
    const toggle = this.#find('.toggle')
    const disconnects = isConnected || state === 'offline'
    toggle.textContent = `${disconnects ? 'Disconnect' : 'Connect'} ${this.#find('h2').textContent}`
    toggle.classList.toggle('quiet', disconnects)
    // `disabled` would take the keyboard's focus away.
    toggle.setAttribute('aria-disabled', String(state === 'connecting'))
    for (const control of this.#element.querySelectorAll('.write input, .write button')) {
      control.disabled = !isConnected
    }
    if (!isConnected) this.#online.clear()
    this.#showPresence()
  }

  #showPresence() {
    const presence = this.#find('.presence')
    const isOnline = this.#online.size > 0
    presence.dataset.online = isOnline ? 'yes' : 'no'
    const text = this.#state === 'online' ? `${this.#otherTitle} is ${isOnline ? 'online' : 'offline'}` : ''
    // Screen readers announce each change, even to the same text.
    if (presence.textContent !== text) presence.textContent = text
  }
}

for (const element of document.querySelectorAll('.pane')) new Pane(element)
