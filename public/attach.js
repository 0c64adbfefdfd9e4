// The page after the warm form: attaches to the session, and shows that the session is alive. Needs strophe.js.
const { Strophe, $iq } = globalThis
Strophe.setLogLevel(Strophe.LogLevel.FATAL)

/** Time between two pings, and the longest time to wait for an answer, in milliseconds. */
const pingEvery = 15_000
const patience = 10_000

const stateTexts = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  online: 'Connected',
  offline: 'Lost',
  closed: 'Disconnected',
  ended: 'Ended',
  late: 'Too late',
}

/** Headlines for states in which the session is over. */
const headlines = {
  closed: 'Logged out',
  ended: 'The session has ended',
  late: 'The values are no longer valid',
}

class Attachment {
  #part = document.getElementById('attach')
  #values = document.querySelector('dl.binding')
  #headline = document.querySelector('.outcome')
  #toggle = this.#find('.toggle')
  #write = this.#find('.write')
  #state
  #chat

  constructor() {
    this.#find('.live').hidden = false
    this.#find('.state').hidden = false
    this.#show('idle')
    this.#toggle.addEventListener('click', () => {
      if (this.#chat !== undefined) this.#chat.close()
      else if (this.#state !== 'connecting') this.#attach()
    })
    this.#write.addEventListener('submit', event => {
      event.preventDefault()
      this.#send()
    })
    this.#countDown(Date.now() + 1000 * this.#part.dataset.seconds)
    setTimeout(() => {
      if (this.#state === 'idle') this.#show('late', 'If no page has used the values, the session has ended.')
    }, 1000 * this.#part.dataset.seconds)
  }

  #countDown(end) {
    const place = document.getElementById('within')
    const timer = setInterval(() => {
      const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000))
      const minutes = Math.floor(seconds / 60)
      place.textContent = minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`
      if (this.#state !== 'idle') clearInterval(timer)
    }, 1000)
  }

  #find(selector) {
    return this.#part.querySelector(selector)
  }

  /** This script imports the module, because Chromium ignores `<script type="module">` in pages that are XML. */
  async #attach() {
    const [jid, sid, rid] = ['jid', 'sid', 'rid'].map(name => this.#values.querySelector(`dd.${name}`).textContent)
    const { url, wait, hold, requests, module } = this.#part.dataset
    const terms = { wait: Number(wait), hold: Number(hold), requests: Number(requests) }
    // The second call of `binding` returns no session.
    const bindings = [{ url, jid, sid, rid: Number(rid), ...terms }]
    this.#show('connecting')
    try {
      const { connect } = await import(module)
      this.#chat = await connect({
        Strophe,
        binding: async () => bindings.shift(),
        transport: 'bosh',
        history: 0,
        keep: false,
        onStatus: status => this.#follow(status),
        onMessage: message => this.#receive(message),
        onMessageState: ({ state, reason }) => this.#tellSent(state === 'sent' ? 'Sent.' : `Not sent. ${reason ?? ''}`),
      })
    } catch {
      // `onStatus` shows other reasons.
      if (this.#state === 'connecting') this.#show('ended', 'The module for pages cannot be loaded.')
      return
    }
    this.#watch(jid)
    this.#countContacts()
  }

  #follow({ state, code }) {
    if (state !== 'ended') this.#show(state)
    else if (code === 'closed') this.#show('closed')
    else this.#show('ended', 'The service no longer knows this session. Warm a new one.')
  }

  #watch(jid) {
    const since = performance.now()
    this.#find('.who').textContent = jid
    this.#find('.facts').hidden = false
    this.#everyWhileOpen(pingEvery, () => this.#ping())
    this.#everyWhileOpen(1000, () => this.#showAge(since))
  }

  /** Calls `act` now and after each interval, until the session is over. */
  #everyWhileOpen(milliseconds, act) {
    act()
    const timer = setInterval(() => (this.#chat.status.state === 'ended' ? clearInterval(timer) : act()), milliseconds)
  }

  /** Measures how long the server takes to answer a ping (XEP-0199). An error is an answer too. */
  #ping() {
    const { connection } = this.#chat
    if (connection === undefined) return
    const sent = performance.now()
    const note = answer => {
      const took = `${Math.max(1, Math.round(performance.now() - sent))} ms`
      this.#find('.latency').textContent = answer === null ? 'no answer' : took
    }
    const stanza = $iq({ type: 'get', to: connection.domain }).c('ping', { xmlns: 'urn:xmpp:ping' })
    connection.sendIQ(stanza, note, note, patience)
    connection.flush()
  }

  #countContacts() {
    const tell = text => {
      this.#find('.contacts').textContent = text
    }
    const count = result => tell(String(result.getElementsByTagName('item').length))
    const stanza = $iq({ type: 'get' }).c('query', { xmlns: Strophe.NS.ROSTER })
    this.#chat.connection.sendIQ(stanza, count, () => tell('not told'), patience)
    this.#chat.connection.flush()
  }

  #send() {
    const [to, text] = ['#to', '#text'].map(name => this.#find(name))
    this.#chat.send(to.value.trim(), text.value)
    this.#tellSent('Sending…')
    text.value = ''
    text.focus()
  }

  #tellSent(text) {
    this.#find('.sent').textContent = text
  }

  #receive({ from, type, body, own }) {
    if (body && type !== 'error' && !own)
      this.#find('.message').textContent = `${Strophe.getBareJidFromJid(from)}: ${body}`
  }

  #showAge(since) {
    const seconds = Math.floor((performance.now() - since) / 1000)
    const minutes = Math.floor(seconds / 60)
    this.#find('.age').textContent = minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`
  }

  #show(state, reason = '') {
    const isOver = headlines[state] !== undefined
    this.#state = state
    this.#find('.state').dataset.state = state
    this.#find('.state').textContent = stateTexts[state]
    this.#find('.reason').textContent = reason
    // The values of an ended session are useless.
    const isUsed = isOver || state === 'online'
    if (isUsed)
      this.#markUsed(isOver ? 'These values are useless now.' : 'This page uses the values. No other page can.')
    // Links open new tabs, because leaving this page ends the session.
    for (const link of document.querySelectorAll('.after a')) link.target = isOver ? '' : '_blank'
    this.#write.hidden = state !== 'online' && state !== 'offline'
    const offersConnect = state === 'idle' || state === 'connecting'
    this.#toggle.textContent = offersConnect ? 'Connect' : 'Disconnect'
    this.#toggle.classList.toggle('quiet', !offersConnect)
    // `disabled` would take the keyboard's focus away.
    this.#toggle.setAttribute('aria-disabled', String(state === 'connecting'))
    if (!isOver) return
    this.#headline.querySelector('p').textContent = headlines[state]
    this.#headline.dataset.state = 'over'
    const hadFocus = document.activeElement === this.#toggle
    this.#toggle.hidden = true
    if (hadFocus) document.querySelector('.after a').focus()
  }

  #markUsed(text) {
    this.#values.classList.add('spent')
    document.getElementById('for-page').textContent = text
    for (const copy of this.#values.querySelectorAll('.copy')) copy.remove()
  }
}

new Attachment()
