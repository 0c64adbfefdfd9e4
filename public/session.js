// A warmed session in one of the service's own pages: Strophe attaches to it, or takes it over by WebSocket, and it ends
// with the page at the latest.
// Knows nothing of what the page looks like. Not a module: Chromium runs no modules in pages that are XML.
{
  const { Strophe, $pres } = globalThis
  Strophe.setLogLevel(Strophe.LogLevel.WARN)

  /** Longest time for logging out. */
  const goodbyeMilliseconds = 3000

  /** Why a session ends, by the condition that Strophe reports. */
  const reasons = {
    conflict: 'The same address logged in somewhere else.',
    'item-not-found': 'The service no longer knows this session. Warm a new one.',
    'other-request': 'Another page goes on with this session.',
    'remote-connection-failed': 'The XMPP server hung up.',
    'remote-stream-error': 'The XMPP server ended the session.',
    'system-shutdown': 'The service is stopping.',
  }

  globalThis.Session = class Session {
    /** Strophe's connection, for the page's own handlers and stanzas. */
    connection
    #binding
    #follow
    #state = 'attaching'
    /** The next request id, which ends the session together with the sid. */
    #rid

    /**
     * Attaches, and sends presence with the first request. `follow(state, reason)` is called with `attached` once the
     * first response has come, with `ending` while it logs out, and at last with `closed`; or with `ended` and the reason
     * as a sentence, if the page did not ask for it.
     */
    constructor(binding, follow) {
      this.#binding = binding
      this.#rid = binding.rid
      this.#follow = follow
      this.connection = new Strophe.Connection(binding.websocket?.url ?? binding.url)
      // Strophe sets it only where it logs in by itself. Without it, logging out could wait for ever for an answer.
      this.connection.disconnection_timeout = goodbyeMilliseconds
      if (binding.websocket === undefined) this.#attach(binding)
      else this.#takeOver(binding)
      globalThis.addEventListener('pagehide', this.#leave)
    }

    #attach({ jid, sid, rid, wait, hold, requests }) {
      this.connection.rawOutput = body => {
        this.#rid = Math.max(this.#rid, Number(/ rid=["'](\d+)/.exec(body)[1]) + 1)
      }
      // Strophe reports ATTACHED before it has asked; only the first response shows that the session is alive.
      this.connection.xmlInput = body => {
        if (this.#state === 'attaching' && body.getAttribute('type') !== 'terminate') this.#enter('attached')
      }
      this.connection.attach(jid, sid, rid, (status, why) => this.#note(status, why), wait, hold, requests)
      this.connection.send($pres())
    }

    #takeOver({ jid, websocket: { token } }) {
      this.connection.connect(jid, token, (status, why) => this.#note(status, why))
    }

    /** Whether the session can still be used or ended. */
    get isOpen() {
      return this.#state === 'attaching' || this.#state === 'attached'
    }

    /** Logs out; `closed` follows. */
    logOut() {
      if (!this.isOpen) return
      this.#enter('ending')
      this.connection.disconnect('user')
    }

    #enter(state, reason = '') {
      this.#state = state
      if (!this.isOpen) globalThis.removeEventListener('pagehide', this.#leave)
      this.#follow(state, reason)
    }

    #note(status, why) {
      switch (status) {
        case Strophe.Status.CONNECTED:
          this.connection.send($pres())
          this.#enter('attached')
          break
        case Strophe.Status.AUTHFAIL:
          this.#enter('ended', reasons['item-not-found'])
          this.connection.disconnect('unauthorized')
          break
        case Strophe.Status.CONNFAIL:
          this.#enter('ended', reasons[why] ?? `The session ended (${why ?? 'no reason given'}).`)
          break
        case Strophe.Status.DISCONNECTED:
          if (this.#state === 'ending') this.#enter('closed')
          else if (this.#state !== 'ended') this.#enter('ended', 'The service cannot be reached any more.')
          break
      }
    }

    /** Ends the session when the page is left: otherwise the user would look online until it times out. */
    #leave = () => {
      const { url, sid, websocket } = this.#binding
      if (websocket !== undefined) {
        this.connection.disconnect('user')
        return
      }
      const body = `<body xmlns='http://jabber.org/protocol/httpbind' sid='${sid}' rid='${this.#rid}' type='terminate'/>`
      // The page is gone: there is no one to tell if it fails.
      fetch(url, { method: 'POST', body, keepalive: true }).catch(() => {})
    }
  }
}
