// The page that answers the warm form: attaches to the session and shows that it is alive. Needs strophe.js and session.js.
const { Session, Strophe, $iq } = globalThis

/** Time between two pings, and the longest time to wait for an answer, in milliseconds. */
const pingEvery = 15_000
const patience = 10_000

const stateTexts = {
  idle: 'Not attached',
  attaching: 'Attaching…',
  attached: 'Attached',
  ending: 'Logging out…',
  closed: 'Logged out',
  ended: 'Ended',
}

class Attachment {
  #part = document.getElementById('attach')
  #values = document.querySelector('dl.binding')
  #toggle = this.#find('.toggle')
  #session

  constructor() {
    this.#find('.live').hidden = false
    this.#find('.state').hidden = false
    this.#show('idle')
    this.#toggle.addEventListener('click', () => {
      if (this.#session === undefined) this.#attach()
      else this.#session.logOut()
    })
  }

  #find(selector) {
    return this.#part.querySelector(selector)
  }

  #attach() {
    const [jid, sid, rid] = ['jid', 'sid', 'rid'].map(
      name => this.#values.querySelector(`dd.${name}`).textContent,
    )
    const { url, wait, hold, requests } = this.#part.dataset
    const terms = { wait: Number(wait), hold: Number(hold), requests: Number(requests) }
    this.#show('attaching')
    this.#session = new Session({ url, jid, sid, rid: Number(rid), ...terms }, (state, reason) => {
      this.#show(state, reason)
      if (state === 'attached') this.#watch(jid)
    })
    this.#session.connection.addHandler(stanza => this.#receive(stanza), null, 'message')
    // Sent with the first request, so that its response comes at once.
    this.#countContacts()
  }

  #watch(jid) {
    const since = performance.now()
    this.#find('.who').textContent = jid
    this.#find('.facts').hidden = false
    this.#everyWhileOpen(pingEvery, () => this.#ping())
    this.#everyWhileOpen(1000, () => this.#showAge(since))
  }

  /** Calls `act` now, and again and again until the session is over. */
  #everyWhileOpen(milliseconds, act) {
    act()
    const timer = setInterval(() => (this.#session.isOpen ? act() : clearInterval(timer)), milliseconds)
  }

  /** Measures how long the server takes to answer a ping (XEP-0199). An error is an answer too. */
  #ping() {
    const { connection } = this.#session
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
    this.#session.connection.sendIQ(stanza, count, () => tell('not told'), patience)
  }

  #receive(stanza) {
    const text = stanza.getElementsByTagName('body')[0]?.textContent
    if (text && stanza.getAttribute('type') !== 'error') {
      const from = Strophe.getBareJidFromJid(stanza.getAttribute('from') ?? '')
      this.#find('.message').textContent = `${from}: ${text}`
    }
    return true
  }

  #showAge(since) {
    const seconds = Math.floor((performance.now() - since) / 1000)
    const minutes = Math.floor(seconds / 60)
    this.#find('.age').textContent = minutes === 0 ? `${seconds} s` : `${minutes} min ${seconds % 60} s`
  }

  #show(state, reason = '') {
    const isOver = state === 'closed' || state === 'ended'
    this.#find('.state').dataset.state = state
    this.#find('.state').textContent = stateTexts[state]
    this.#find('.reason').textContent = reason
    // A session that is over cannot be attached to again.
    this.#values.classList.toggle('spent', isOver)
    const offersAttach = state === 'idle' || state === 'attaching'
    this.#toggle.textContent = offersAttach ? 'Attach' : 'Log out'
    this.#toggle.classList.toggle('quiet', !offersAttach)
    // Not `disabled`: that would take the keyboard's focus away.
    this.#toggle.setAttribute('aria-disabled', String(state === 'attaching' || state === 'ending'))
    if (!isOver) return
    const hadFocus = document.activeElement === this.#toggle
    this.#toggle.hidden = true
    if (hadFocus) document.querySelector('.after a').focus()
  }
}

new Attachment()
