// Logs Converse in with bindings, and reconnects it.
import { Backoff } from './backoff.js'
import type { ChatOptions } from './chat.js'
import type { Status } from './chat-events.js'
import { ConverseArrivals, showStored } from './converse-arrivals.js'
import { forgetPresences, keepControlBox, probeContacts } from './converse-contacts.js'
import { ConverseDepartures } from './converse-departures.js'
import { forgetStored, type Kept, keep, kept } from './converse-memory.js'
import type { ConverseConnection, PrivateConverse } from './converse-types.js'
import { isUnconfirmed } from './departures.js'
import { mayReturn, NoChat, replaced } from './failures.js'
import { LinkState, mending, watch } from './link-state.js'
import { randomName } from './page-memory.js'
import { orderReplies } from './reply-order.js'
import { checkSignIn } from './sign-in-check.js'
import { hangUp, socketAddress, socketPatience } from './socket.js'
import { askForBinding, type Located, type Source } from './source.js'
import { attached, connected, connecting, connectionFailed, disconnected, loginFailed } from './strophe.js'
import { refusePages } from './unreadable-replies.js'

export type ConverseOptions = Source &
  Pick<ChatOptions, 'checkEvery' | 'nickname' | 'transport'> & {
    readonly onStatus?: (status: Status) => void
    readonly settings?: Readonly<Record<string, unknown>>
  }

/** After all pauses of `Backoff`, without a `Retry-After`. */
const laterSeconds = 60
const lost = 'There is no chat at the moment.'

interface Attempt {
  readonly number: number
  readonly found: Located
  readonly connection: ConverseConnection
  /** Number of stanzas, or undefined during a login over WebSocket. */
  count: number | undefined
}

export class ConverseChat {
  readonly #converse: PrivateConverse
  readonly #options: ConverseOptions
  readonly #backoff = new Backoff()
  readonly #arrivals = new ConverseArrivals()
  readonly #departures: ConverseDepartures
  /** `seen` counts stanzas of the session. */
  readonly #memory = { tab: randomName(), jid: '', seen: 0, heard: 0, outgoing: [], untaken: [], ...kept() }
  #transport: ConverseOptions['transport']
  #status = {} as Status
  #binding: Located | undefined
  #isResumed: boolean | undefined
  #isAttached: boolean | undefined
  #wasAttached: boolean | undefined
  /** Converse's plugins have been told `connected`, which some of them need. */
  #wasReady = false
  /** Conditions of the last stream errors. */
  readonly #ends = new Set<unknown>()
  /** From `pagehide` to `pageshow`. */
  #isLeft = false
  #isStored = false
  #attempts = 0

  constructor(converse: PrivateConverse, options: ConverseOptions) {
    this.#converse = converse
    this.#options = options
    this.#departures = new ConverseDepartures(converse, options.nickname, this.#memory.outgoing)
    this.#transport = options.transport ?? 'auto'
  }

  start(): void {
    const { api, exports, state } = this.#converse
    this.#hideName()
    api.settings.extend({ bosh_service_url: '' })
    api.listen.on('initialized', () => {
      this.#arrivals.start(this.#converse)
      keepControlBox(exports, state)
      void this.#ask()
    })
    api.listen.on('login', (_context: unknown, payload: object) => {
      if (this.#binding) this.#open(this.#binding)
      else this.#wait(lost)
      this.#binding = undefined
      return { ...payload, success: true }
    })
    // Not earlier: after the first stanza the service delivers messages, which Converse would not take yet.
    const begin = () => {
      this.#wasReady = true
      this.#arrivals.takeLeft(exports, this.#memory)
      setTimeout(() => this.#isAttached && this.#departures.begin())
    }
    for (const event of ['connected', 'reconnected']) api.listen.on(event, begin)
    api.listen.on('logout', () => this.#isEnded || this.#end('closed', 'The chat has ended.'))
    api.listen.on('disconnected', () => this.#showEnd())
    api.listen.on('presencesInitialized', () => this.#isResumed || forgetPresences(state))
    api.listen.on('rosterContactsFetched', () => this.#isResumed && probeContacts(api, state))
    checkSignIn(this.#options, () => this.#isAttached && this.#attempts, this.#end)
    for (const type of ['online', 'visibilitychange']) addEventListener(type, this.#come)
    addEventListener('offline', () => this.#isAttached && this.#lose())
    this.#departures.onChange = this.#keepHidden
    this.#keepHidden()
    let left: Kept = {}
    addEventListener('pagehide', () => {
      if (this.#isAttached) this.#departures.begin()
      this.#departures.leave()
      const untaken = [...this.#memory.untaken, ...this.#arrivals.untaken]
      if (!this.#isEnded) keep({ ...this.#memory, untaken, page: randomName() }, this.#departures.outgoing)
      left = kept()
      // If its connection ends before `pageshow`, Converse must not store what it has counted.
      this.#attempts += 1
      this.#isLeft = true
      this.#isStored = false
    })
    addEventListener('pageshow', async ({ persisted }) => {
      if (!persisted || this.#isEnded) return
      const later = kept()
      const { jid = '', outgoing, page } = later
      let isLater = false
      // What the page of another user has left stays for that user.
      if (!this.#memory.jid || this.#options.guest || this.#isOfUser(jid)) {
        // A later page of the tab may have sent what waited, and may have left other messages, in another session.
        if (outgoing && page !== left.page) {
          Object.assign(this.#memory, { seen: 0 }, later)
          await this.#departures.reread(outgoing, left.outgoing)
          if (this.#isEnded) return
          isLater = this.#wasReady
        }
        this.#hideName()
      }
      this.#isLeft = false
      this.#lose()
      if (!isLater) return
      // A room that is shown now asks whether it is joined: on the next connection.
      api.connection.get()?.reset()
      showStored(state)
    })
  }

  /** Browsers discard hidden tabs without `pagehide`. Only while messages wait: see `hideName`. */
  readonly #keepHidden = (): void => {
    if (this.#isLeft || this.#isEnded) return
    const { outgoing } = this.#departures
    const isWaiting = document.visibilityState === 'hidden' && !!outgoing[0]
    if (isWaiting) keep({ ...this.#memory, page: '' }, outgoing)
    else if (this.#isStored) this.#hideName()
    this.#isStored = isWaiting
  }

  #isOfUser(jid: string): boolean {
    return this.#memory.jid.startsWith(`${jid.split('/')[0]}/`)
  }

  /** Removes the tab's name, because browsers copy storage to a duplicated tab. */
  #hideName(): void {
    keep({ jid: this.#memory.jid })
  }

  #enter(next: Status): void {
    this.#status = next
    this.#options.onStatus?.(next)
  }

  async #ask(): Promise<void> {
    const mine = ++this.#attempts
    this.#backoff.cancel()
    this.#enter({ state: 'connecting' })
    this.#converse.state.connfeedback.set({ connection_status: connecting })
    try {
      const found = await askForBinding(this.#options, this.#memory.tab)
      if (mine === this.#attempts) await this.#logIn(found)
    } catch (error) {
      if (mine !== this.#attempts) return
      if (error instanceof NoChat) {
        if (error.code) this.#end(error.code, error.message)
        else this.#wait(error.message, error.retryAfter)
      } else {
        this.#end('refused', lost)
        reportError(error)
      }
    }
  }

  /** Starts a login of Converse, whose `login` hook calls `open`. */
  async #logIn(found: Located): Promise<void> {
    const { api } = this.#converse
    const { jid, resumed, websocket } = found
    const memory = this.#memory
    if (!this.#isOfUser(jid)) {
      if (this.#wasAttached && !this.#options.guest) return this.#end('signed-out', 'You are not signed in any more.')
      this.#departures.clear()
      this.#memory.untaken = []
      forgetStored()
    }
    this.#isResumed = resumed
    const isKnown = resumed && jid === memory.jid
    memory.seen = Math.max(found.delivered ?? 0, isKnown ? memory.seen : 0)
    // What was given to a session that is over may have arrived, and comes again with the same id.
    const received = isKnown ? found.received : undefined
    memory.jid = jid
    this.#hideName()
    this.#departures.goOn(found.rid, found.requests ?? 2, received, () => false)
    this.#binding = found
    api.settings.set({
      bosh_service_url: found.url,
      websocket_url: websocket && this.#transport !== 'bosh' && socketAddress(websocket.url),
    })
    const old = api.connection.get()
    if (old) {
      old.reset()
      // With a JID, Converse would use this connection again, although Strophe may still be closing it.
      old.jid = ''
    }
    await api.user.login(jid)
  }

  #open(found: Located): void {
    const { api, state } = this.#converse
    const connection = api.connection.get()!
    const { session } = state
    const isOverSocket = connection.service.startsWith('ws')
    this.#departures.opens(connection, isOverSocket, this.#memory.heard)
    const number = ++this.#attempts
    const attempt: Attempt = { number, found, connection, count: isOverSocket ? undefined : (found.delivered ?? 0) }
    this.#arrivals.broken()
    connection.reconnecting = this.#wasReady
    // If false, Converse would forget all presences, and its list of contacts would be wrong.
    connection.hasResumed = () => true
    const changed = (isMending: boolean) => {
      if (this.#isCurrent(attempt) && this.#isAttached && isMending !== (this.#status.code === mending.code))
        this.#enter(isMending ? mending : { state: 'online' })
    }
    const link = new LinkState(changed, () => this.#arrivals.broken())
    const arrange = isOverSocket ? undefined : orderReplies(connection, found.rid)
    connection.xmlInput = element => {
      // Nobody reads what comes on an old connection, and it will come again.
      if (connection !== api.connection.get() || this.#isLeft) return
      arrange?.(element)
      link.note(element)
      this.#memory.heard = Date.now()
      // `attach` alone sends nothing.
      if (arrange && this.#isAttached && element.getAttribute('type') !== 'terminate') this.#enterOnline()
      this.#take(attempt, element)
    }
    const follow = (code: number, condition?: string | null) => this.#follow(attempt, code, condition)
    if (!this.#isResumed) session.save({ roster_cached: false })
    if (isOverSocket) {
      setTimeout(() => this.#hangUpLate(attempt), socketPatience)
      connection.connect(found.jid, found.websocket!.token, follow)
    } else {
      connection.xmlOutput = body => this.#departures.note(body)
      refusePages(connection, () => this.#isCurrent(attempt) && this.#lose())
      session.save({ smacks_enabled: false, smacks_stream_id: null })
      connection.attach(found.jid, found.sid, found.rid, follow, found.wait, found.hold, found.requests)
    }
  }

  #enterOnline(): void {
    if (this.#status.state !== 'connecting') return
    this.#backoff.succeeded()
    this.#enter({ state: 'online' })
  }

  #isCurrent({ number }: Attempt): boolean {
    return number === this.#attempts
  }

  #watch({ found, connection }: Attempt): void {
    if (!found.link_state) return
    connection.send(watch())
    connection.flush()
  }

  #take(attempt: Attempt, element: Element): void {
    if (/^(a|resumed)$/.test(element.localName)) this.#departures.acknowledged(element)
    // Over WebSocket, stream management begins first.
    if (/^(enabled|resumed)$/.test(element.localName)) {
      this.#departures.isCounted = true
      this.#watch(attempt)
    }
    if (attempt.count === undefined) {
      if (element.localName === 'iq') {
        attempt.count = attempt.found.delivered ?? 0
        this.#departures.takeBackUnacked()
      }
      if (element.localName === 'resumed') {
        attempt.count = this.#memory.seen
        this.#departures.isResuming = true
      }
      return
    }
    if (element.localName === 'failed') this.#departures.refused()
    for (const stanza of element.localName === 'body' ? element.children : [element])
      if (stanza.namespaceURI === 'jabber:client') this.#takeStanza(attempt.connection, stanza, ++attempt.count)
  }

  #takeStanza(connection: ConverseConnection, stanza: Element, count: number): void {
    const isNew = count > this.#memory.seen
    if (isNew) this.#memory.seen = count
    if (stanza.localName !== 'message') return
    // An error that comes again was taken back before.
    if (isNew ? this.#departures.takeBack(stanza) === 'again' : isUnconfirmed(stanza)) {
      stanza.replaceChildren()
      stanza.setAttribute('type', 'normal')
      this.#departures.askServer(connection)
    }
    this.#arrivals.take(stanza, isNew)
  }

  #follow(attempt: Attempt, code: number, condition?: string | null): void {
    const { found, connection, count } = attempt
    const isCurrent = this.#isCurrent(attempt)
    if (isCurrent) this.#ends.add(condition)
    if (connection.disconnection_cause !== 'logout') {
      if (!isCurrent) return
      if (code === connectionFailed && count === undefined && this.#mayChange) {
        this.#transport = 'bosh'
        this.#attempts += 1
        return void this.#logIn(found)
      }
      if (code === loginFailed || code === disconnected) return void this.#lose()
      if (code === attached || code === connected) {
        this.#isAttached = this.#wasAttached = true
        this.#departures.attached()
        if (code === connected) this.#enterOnline()
      }
    }
    connection.onConnectStatusChanged(code, condition)
    if (code === attached) this.#watch(attempt)
  }

  /** The login may be late, and then `<enabled/>`. */
  #hangUpLate(attempt: Attempt, wasAttached?: boolean): void {
    if (!this.#isCurrent(attempt) || this.#departures.isReady) return
    if (this.#isAttached && !wasAttached) return void setTimeout(() => this.#hangUpLate(attempt, true), socketPatience)
    this.#attempts += 1
    hangUp(attempt.connection)
    const mayChange = this.#mayChange
    if (mayChange) this.#transport = 'bosh'
    if (mayChange && !wasAttached) void this.#ask()
    else this.#lose()
  }

  get #mayChange(): boolean {
    return this.#transport === 'auto' && navigator.onLine
  }

  #lose(): void {
    this.#attempts += 1
    if (this.#ends.delete('policy-violation')) this.#departures.failTooLong()
    this.#departures.broken()
    if (this.#isAttached) this.#converse.api.connection.reconnect()
    else this.#wait(lost)
    this.#isAttached = false
  }

  #wait(reason: string, atLeast = 0): void {
    this.#attempts += 1
    // If a ping of Converse had no answer, Converse reconnects without `lose`.
    this.#isAttached = false
    this.#departures.broken()
    if (this.#ends.delete('conflict')) {
      this.#backoff.cancel()
      return void this.#enter({ state: 'offline', code: 'replaced', reason: replaced })
    }
    let retryIn = this.#backoff.next(atLeast, () => this.#ask())
    if (!retryIn) {
      this.#backoff.reset()
      retryIn = this.#backoff.next(atLeast || laterSeconds, this.#come)
    }
    this.#enter({ state: 'offline', code: 'unreachable', reason, retryIn })
  }

  readonly #end = (code: string, reason: string): void => {
    this.#attempts += 1
    this.#departures.clear()
    this.#backoff.cancel()
    this.#isAttached = this.#wasAttached = this.#wasReady = false
    this.#enter({ state: 'ended', code, reason })
    this.#showEnd()
    if (this.#converse.api.connection.get()) void this.#converse.api.user.logout()
    else forgetStored()
  }

  #showEnd(): void {
    if (this.#isEnded)
      this.#converse.state.connfeedback.set({ connection_status: disconnected, message: this.#status.reason })
  }

  get #isEnded(): boolean {
    return this.#status.state === 'ended'
  }

  readonly #come = (event?: Event): void => {
    this.#keepHidden()
    const { code } = this.#status
    if (document.visibilityState === 'hidden' && (event?.type !== 'online' || code === 'replaced')) return
    if (!mayReturn(code)) return
    this.#backoff.reset()
    void this.#ask()
  }
}
