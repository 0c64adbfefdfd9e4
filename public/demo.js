// The demo's page: each pane has a session of its own, warmed by the server and attached to with Strophe.
const { Strophe, $msg, $pres } = globalThis
Strophe.setLogLevel(Strophe.LogLevel.WARN)

const stateTexts = {
  idle: 'Not connected',
  warming: 'Warming…',
  attached: 'Attached…',
  connected: 'Connected',
  ending: 'Disconnecting…',
  closed: 'Disconnected',
  ended: 'Ended',
}

/** Why a session ends, by the condition that Strophe hands on. */
const reasons = {
  conflict: 'The same address logged in somewhere else.',
  'item-not-found': 'The service no longer knows this session. Warm a new one.',
  'other-request': 'Another page goes on with this session.',
  'remote-connection-failed': 'The XMPP server hung up.',
  'remote-stream-error': 'The XMPP server ended the session.',
  'system-shutdown': 'The service is stopping.',
}

class Pane {
  #element
  #account
  #other
  #otherTitle
  #state = 'idle'
  #connection
  /** The next request id and the address to send it to: what it takes to say goodbye. */
  #rid
  #url
  #sid
  /** Full addresses under which the other one is online. */
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
    globalThis.addEventListener('pagehide', () => this.#leave())
  }

  #find(selector) {
    return this.#element.querySelector(selector)
  }

  #toggle() {
    if (this.#state === 'attached' || this.#state === 'connected') {
      this.#show('ending')
      this.#connection.disconnect('user')
    } else if (this.#state !== 'warming' && this.#state !== 'ending') {
      this.#warm()
    }
  }

  /** Asks the page's own server for a session. In a portal, the user is logged in there already. */
  async #warm() {
    this.#show('warming')
    const started = performance.now()
    try {
      const reply = await fetch('/demo/warm', {
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

  #attach({ jid, sid, rid, wait, hold, requests, url }) {
    for (const [name, value] of Object.entries({ jid, sid, rid })) this.#find(`.${name}`).textContent = value
    this.#sid = sid
    this.#rid = rid
    this.#url = new URL(url).pathname
    const connection = new Strophe.Connection(this.#url)
    this.#connection = connection
    connection.rawOutput = body => {
      this.#rid = Math.max(this.#rid, Number(/ rid=["'](\d+)/.exec(body)[1]) + 1)
    }
    // ATTACHED is Strophe's word alone; the first answer shows that the session is alive.
    connection.xmlInput = body => {
      if (this.#state === 'attached' && body.getAttribute('type') !== 'terminate') this.#show('connected')
    }
    connection.attach(jid, sid, rid, (status, why) => this.#follow(status, why), wait, hold, requests)
  }

  #follow(status, why) {
    switch (status) {
      case Strophe.Status.ATTACHED:
        this.#show('attached')
        this.#connection.addHandler(stanza => this.#notePresence(stanza), null, 'presence')
        this.#connection.addHandler(stanza => this.#receive(stanza), null, 'message')
        this.#connection.send($pres())
        break
      case Strophe.Status.CONNFAIL:
        this.#show('ended', reasons[why] ?? `The session ended (${why ?? 'no reason given'}).`)
        break
      case Strophe.Status.DISCONNECTED:
        if (this.#state === 'ending') this.#show('closed')
        else if (this.#state !== 'ended') this.#show('ended', 'The service cannot be reached any more.')
        break
    }
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
    if (text === '' || this.#state !== 'connected') return
    this.#connection.send($msg({ to: this.#other, type: 'chat' }).c('body').t(text))
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
    const isConnected = state === 'connected'
    this.#find('.state').dataset.state = state
    this.#find('.state-text').textContent = stateTexts[state]
    this.#find('.reason').textContent = reason
    // A session that is over cannot be attached to again.
    this.#find('.binding').classList.toggle('spent', state === 'closed' || state === 'ended')
    const toggle = this.#find('.toggle')
    const disconnects = isConnected || state === 'attached' || state === 'ending'
    toggle.textContent = disconnects ? 'Disconnect' : 'Warm a session and attach'
    toggle.classList.toggle('disconnects', disconnects)
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
    const text =
      this.#state === 'connected' ? `${this.#otherTitle} is ${isOnline ? 'online' : 'offline'}` : ''
    // Said once, not with every presence.
    if (presence.textContent !== text) presence.textContent = text
  }

  /** Ends the session when the page goes, or the other one would see a ghost until it times out. */
  #leave() {
    if (this.#state !== 'attached' && this.#state !== 'connected') return
    const body = `<body xmlns='http://jabber.org/protocol/httpbind' sid='${this.#sid}' rid='${this.#rid}' type='terminate'/>`
    navigator.sendBeacon(this.#url, body)
  }
}

for (const element of document.querySelectorAll('.pane')) new Pane(element)
