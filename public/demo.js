// The demo's page: each pane has a session of its own, warmed by the server, which Strophe attaches to over BOSH or takes
// over by WebSocket. Needs strophe.js and session.js.
const { Session, Strophe, $msg } = globalThis

const stateTexts = {
  idle: 'Not connected',
  warming: 'Warming…',
  attaching: 'Attaching…',
  attached: 'Connected',
  ending: 'Disconnecting…',
  closed: 'Disconnected',
  ended: 'Ended',
}

class Pane {
  #element
  #account
  #other
  #otherTitle
  #state = 'idle'
  #session
  /** Full JIDs with which the other user is online. */
  #online = new Set()

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
  }

  #find(selector) {
    return this.#element.querySelector(selector)
  }

  #toggle() {
    if (this.#session?.isOpen) this.#session.logOut()
    else if (this.#state !== 'warming' && this.#state !== 'ending') this.#warm()
  }

  /** Asks the page's own server for a session. In a real portal the user would be signed in there. */
  async #warm() {
    this.#show('warming')
    const started = performance.now()
    try {
      const reply = await fetch('demo/warm', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: JSON.stringify({ account: this.#account }),
      })
      const answer = await reply.json()
      if (!reply.ok) throw new Error(answer.detail)
      this.#find('.took').textContent = `warmed in ${Math.round(performance.now() - started)} ms`
      this.#attach(answer)
    } catch (error) {
      const isOurs = error instanceof Error && !(error instanceof TypeError || error instanceof SyntaxError)
      this.#show('ended', isOurs ? error.message : 'The service cannot be reached. Is it still running?')
    }
  }

  #attach({ jid, sid, rid, url, websocket, ...terms }) {
    const overWebSocket = document.body.dataset.transport === 'websocket'
    const values = overWebSocket ? { jid, token: websocket.token } : { jid, sid, rid }
    for (const [name, value] of Object.entries(values)) this.#find(`.${name}`).textContent = value
    this.#show('attaching')
    const binding = overWebSocket
      ? { jid, websocket }
      : { jid, sid, rid, url: new URL(url, location.href).pathname, ...terms }
    this.#session = new Session(binding, (state, reason) => this.#show(state, reason))
    const { connection } = this.#session
    connection.addHandler(stanza => this.#notePresence(stanza), null, 'presence')
    connection.addHandler(stanza => this.#receive(stanza), null, 'message')
  }

  #notePresence(stanza) {
    const from = stanza.getAttribute('from') ?? ''
    if (Strophe.getBareJidFromJid(from) !== this.#other) return true
    const type = stanza.getAttribute('type')
    if (type === 'unavailable') this.#online.delete(from)
    else if (type === null) this.#online.add(from)
    this.#showPresence()
    return true
  }

  #receive(stanza) {
    const body = stanza.getElementsByTagName('body')[0]?.textContent
    const from = Strophe.getBareJidFromJid(stanza.getAttribute('from') ?? '')
    if (from !== this.#other) return true
    const wasKept = stanza.getElementsByTagName('delay').length > 0
    if (stanza.getAttribute('type') === 'error') this.#log('received', 'The last message was not delivered.')
    else if (body) this.#log('received', body, wasKept ? 'sent while you were offline' : undefined)
    return true
  }

  #say() {
    const field = this.#find('.text')
    const text = field.value.trim()
    if (text === '' || this.#state !== 'attached') return
    this.#session.connection.send($msg({ to: this.#other, type: 'chat' }).c('body').t(text))
    const note = this.#online.size > 0 ? undefined : `sent while ${this.#otherTitle} was offline`
    this.#log('sent', text, note)
    field.value = ''
    field.focus()
  }

  #log(kind, text, note) {
    const entry = document.createElement('li')
    entry.className = kind
    const speaker = document.createElement('span')
    speaker.className = 'speaker'
    speaker.textContent = kind === 'sent' ? 'You: ' : `${this.#otherTitle}: `
    entry.append(speaker, text)
    if (note !== undefined) {
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
    const isConnected = state === 'attached'
    this.#find('.state').dataset.state = state
    this.#find('.state-text').textContent = stateTexts[state]
    this.#find('.reason').textContent = reason
    // A session that is over cannot be attached to again.
    this.#find('.binding').classList.toggle('spent', state === 'closed' || state === 'ended')
    const toggle = this.#find('.toggle')
    const disconnects = isConnected || state === 'attaching' || state === 'ending'
    toggle.textContent = disconnects ? 'Disconnect' : 'Warm a session and attach'
    toggle.classList.toggle('quiet', disconnects)
    // Not `disabled`: that would take the keyboard's focus away.
    toggle.setAttribute('aria-disabled', String(state === 'warming' || state === 'ending'))
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
    const text = this.#state === 'attached' ? `${this.#otherTitle} is ${isOnline ? 'online' : 'offline'}` : ''
    // Changed only if different: screen readers announce each change.
    if (presence.textContent !== text) presence.textContent = text
  }
}

for (const element of document.querySelectorAll('.pane')) new Pane(element)
