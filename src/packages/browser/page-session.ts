import { type Archive, createArchive } from './archive.js'
import type { Arrivals } from './arrivals.js'
import type { ChatDepartures } from './chat-departures.js'
import { isUnconfirmed } from './departures.js'
import { LinkState, ping, watch } from './link-state.js'
import { carbonOf, carbonsNamespace, childOf, isOfAccount, readMessage } from './message.js'
import { type Introduced, randomName } from './page-memory.js'
import { orderReplies } from './reply-order.js'
import { longestFailure, retryRequests } from './request-retries.js'
import type { JoinedRooms } from './rooms.js'
import { type Contact, probesOf, type Roster, rosterNamespace } from './roster.js'
import { hangUp, type ManagedSocket, socketPatience } from './socket.js'
import type { Located } from './source.js'
import {
  connected,
  connectionFailed,
  disconnected,
  loginFailed,
  type StropheConnection,
  type StropheNamespace,
} from './strophe.js'
import { bodyNamespace } from './unreadable-replies.js'
import { newElement, newStanza } from './written-xml.js'

export interface PageParts {
  readonly Strophe: StropheNamespace
  readonly arrivals: Arrivals
  readonly departures: ChatDepartures
  readonly rooms: JoinedRooms
  readonly roster: Roster
  readonly history: number
  readonly withCredentials: boolean
}

interface SessionEvents {
  online(): void
  /** The service mends its link to the XMPP server. */
  mending(): void
  settled(): void
  failed(retryIn: number): void
  lost(isReplaced: boolean, isRefused: boolean): void
  /** WebSocket does not work. `isUsed`: the token may have been used. */
  blocked(isUsed: boolean): void
  contacts(contacts: readonly Contact[]): void
  presence(stanza: Element): void
}

const bindNamespace = 'urn:ietf:params:xml:ns:xmpp-bind'

const patience = 6_000
const pauseSeconds = 60

export class PageSession {
  readonly #binding: Located
  readonly #parts: PageParts
  readonly #events: SessionEvents
  readonly #introduced: Introduced
  readonly #link: LinkState
  socket: ManagedSocket | undefined
  connection!: StropheConnection
  #archive!: Archive
  /** Strophe sends at once: before the login of a WebSocket, or before it is open, which throws. */
  #isLoggedIn = false
  #isOver = false
  #isLeft = false
  readonly #ends = new Set<unknown>()
  /** Over BOSH, something comes at least once in `wait`. */
  isSilent = () => true
  #deadline: ReturnType<typeof setTimeout> | undefined
  /** New messages wait while older messages are sent again, and until Strophe would repeat them. */
  isHolding = false
  /** Undefined if no ping of `confirmSent` is open. True if another ping must follow the open ping. */
  #mustPingAgain: boolean | undefined

  constructor(binding: Located, parts: PageParts, introduced: Introduced, events: SessionEvents) {
    this.#binding = binding
    this.#parts = parts
    this.#introduced = introduced
    // Also if this session breaks before the archive is asked.
    if (introduced === 'elsewhere') parts.arrivals.hold()
    this.#events = events
    const changed = (isMending: boolean) => {
      if (this.#isOver) return
      if (isMending) events.mending()
      else events.online()
    }
    this.#link = new LinkState(changed, () => parts.arrivals.repeats.broken())
  }

  attach(): void {
    const { jid, sid, rid, wait, hold, requests, url } = this.#binding
    const { arrivals, departures, Strophe, withCredentials } = this.#parts
    const connection = new Strophe.Connection(url, { withCredentials })
    const retries = retryRequests(connection, {
      // The service can hold the repeated request for long, but answers a ping at once.
      failing: () => this.#isOver || this.check(undefined, longestFailure),
      failed: retryIn => this.#isOver || this.#events.failed(retryIn),
      lost: () => this.#lose(),
    })
    this.isSilent = () => retries.isSilent(wait)
    connection.disconnection_timeout = 3_000
    this.connection = connection
    this.#isLoggedIn = true
    const isLost = this.#goOn()
    const arrange = orderReplies(connection, rid)
    connection.xmlOutput = body => {
      retries.sent()
      departures.note(body)
    }
    connection.xmlInput = body => {
      if (this.#isOver) return
      retries.answered()
      arrange(body)
      arrivals.note(body)
      this.#link.note(body)
      if (body.getAttribute('type') !== 'terminate') this.#online()
    }
    const follow = (status: number, condition?: string | null) => {
      this.#ends.add(condition)
      if (status === disconnected) this.#lose()
    }
    connection.attach(jid, sid, rid, follow, wait, hold, requests)
    this.#listen()
    this.#introduce(isLost)
  }

  /** Resumes the stream of a socket that was used before (XEP-0198). */
  useSocket(socket: ManagedSocket, token: string): void {
    const { arrivals, departures } = this.#parts
    const { connection } = socket
    this.connection = connection
    this.socket = socket
    let hasOpened = false
    let isIn = false
    let isLost = false
    const begin = () => {
      clearTimeout(this.#deadline)
      this.#release()
      this.check()
    }
    connection.xmlInput = element => {
      hasOpened = true
      this.#link.note(element)
      if (isIn) {
        arrivals.note(element)
        // After `<failed/>`, Strophe repeats nothing.
        if (/^(enabled|failed)$/.test(element.localName) && !this.#isOver) queueMicrotask(begin)
      } else if (childOf(element, 'bind', bindNamespace) && element.localName === 'iq') {
        isLost = this.#goOn()
        isIn = true
        // If the connection breaks before `<enabled/>`, Strophe forgets what it has sent.
        this.isHolding = !!connection.sm
      } else if (element.localName === 'resumed') {
        arrivals.resume()
        isIn = true
      } else if (element.localName === 'failed') {
        // The stanzas up to the answered ping `socket.confirmed` have arrived. Strophe would send them again.
        const { state } = connection.sm!
        const last = state.unacked.findLastIndex(({ stanza }) => stanza.includes(socket.confirmed))
        state.unacked = departures.takeOver(state.unacked.slice(last + 1)).filter(({ name }) => name !== 'iq')
      }
    }
    const block = () => {
      this.drop()
      this.#events.blocked(hasOpened)
    }
    const follow = (status: number, condition?: string | null) => {
      this.#ends.add(condition)
      if (this.#isOver) return
      if (status === connected) {
        clearTimeout(this.#deadline)
        if (this.isHolding) this.#deadline = setTimeout(block, socketPatience)
        this.#isLoggedIn = true
        this.#introduce(isLost, socket.kept())
        this.#events.online()
      } else if (status === connectionFailed && !hasOpened) block()
      else if (status === loginFailed || status === disconnected) this.#lose()
    }
    this.#listen()
    this.#deadline = setTimeout(block, socketPatience)
    connection.connect(this.#binding.jid, token, follow)
  }

  send(...stanzas: readonly Element[]): void {
    for (const stanza of stanzas) this.connection.send(stanza)
    this.connection.flush()
  }

  /** XEP-0352. */
  tellState(): void {
    // A request after `leave` would repeat the rid that `leave` has sent.
    if (!this.#isLeft) this.send(...this.#state())
  }

  #state(): readonly Element[] {
    const state = document.visibilityState === 'hidden' ? 'inactive' : 'active'
    return this.#binding.csi ? [newElement(state, { xmlns: 'urn:xmpp:csi:0' })] : []
  }

  #online(): void {
    if (!this.#link.isMending) this.#events.online()
  }

  /** Sends messages, enters the rooms that the page has joined, and leaves those that it has left. */
  sendWaiting(): void {
    const waiting = this.#waiting()
    if (waiting.length > 0) this.send(...waiting)
    if (waiting.some(({ localName }) => localName === 'message')) this.confirmSent()
  }

  /** `kept`: ids of the messages that Strophe sends again. */
  #waiting(kept?: readonly (string | null)[]): readonly Element[] {
    const { departures, rooms } = this.#parts
    const entering = rooms.moves(true)
    if (this.isHolding) return entering
    const unsent = departures.unsent(kept)
    if (this.socket) departures.arrived()
    // A room refuses the messages of those who have left it.
    return [...entering, ...unsent, ...rooms.moves(false)]
  }

  /** Sends a ping, because its answer confirms the messages before it. */
  confirmSent(): void {
    const isOpen = this.#mustPingAgain !== undefined
    this.#mustPingAgain = isOpen
    if (isOpen) return
    this.check(() => {
      const mustPingAgain = this.#mustPingAgain
      this.#mustPingAgain = undefined
      this.#online()
      if (mustPingAgain) this.confirmSent()
    }, longestFailure)
  }

  check(act = () => this.#online(), milliseconds = patience): void {
    if (!this.#isLoggedIn) return
    const { notices, signs } = this.#link
    const id = randomName()
    // Servers answer in order (RFC 6120 §10.1), so the answer confirms earlier stanzas.
    const confirmed = this.#parts.departures.confirming()
    const answered = (answer: Element | null) => {
      if (this.#isOver) return
      // If the server hangs, or the link is mended, only the service answers, to `<watch/>`.
      if (!answer && this.#link.notices === notices) this.#lose()
      else if (!answer) {
        this.#link.unanswered(signs)
        this.check(act, milliseconds)
      } else if (!isUnconfirmed(answer)) {
        confirmed()
        if (this.socket) this.socket.confirmed = id
        this.#link.answered()
        act()
      }
    }
    this.connection.sendIQ(ping(this.connection.domain!, id), answered, answered, milliseconds)
    this.send(...(this.#binding.link_state ? [watch()] : []))
  }

  drop(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#deadline)
    // Strophe would confirm what arrives late, which is not shown. Undefined after a failed `attach`.
    if (this.connection) hangUp(this.connection)
  }

  close(): void {
    this.#isOver = true
    clearTimeout(this.#deadline)
    this.connection.disconnect('user')
  }

  leave(ends: boolean): void {
    this.#isLeft = true
    const { maxpause } = this.#binding
    if (ends && this.socket) {
      if (this.isHolding) this.#release()
      this.close()
    } else if (ends) this.#beacon("type='terminate'")
    else if (!this.socket && maxpause && this.#parts.departures.outgoing.length === 0)
      this.#beacon(`pause='${Math.min(pauseSeconds, maxpause)}'`)
  }

  #beacon(attributes: string): void {
    const { sid, url } = this.#binding
    const rid = this.#parts.departures.nextRid
    navigator.sendBeacon(url, `<body xmlns='${bodyNamespace}' sid='${sid}' rid='${rid}' ${attributes}/>`)
  }

  #lose(): void {
    if (this.#isOver) return
    this.drop()
    this.#events.lost(this.#ends.has('conflict'), this.#ends.has('policy-violation'))
  }

  #goOn(): boolean {
    const { resumed, delivered = 0 } = this.#binding
    return this.#parts.arrivals.goOn(resumed ? delivered : 0)
  }

  #listen(): void {
    const { jid } = this.#binding
    const { arrivals, departures, rooms, roster } = this.#parts
    this.#archive = createArchive(this.connection, jid)
    const hear = (name: string, namespace: string | null, act: (stanza: Element) => void) => {
      const take = (stanza: Element) => {
        if (!this.#isOver) act(stanza)
        return !this.#isOver
      }
      this.connection.addHandler(take, namespace, name, null)
    }
    hear('message', null, stanza => {
      if (this.#archive.take(stanza) || arrivals.isRepeated(stanza)) return
      const returned = departures.takeBack(stanza)
      if (returned === 'again') this.#recover()
      else if (!returned) {
        const message = readMessage(carbonOf(stanza, jid), jid)
        arrivals.take(departures.takeEcho(message) ? { ...message, own: true } : message, jid)
      }
    })
    hear('presence', null, stanza => {
      rooms.answered(stanza.getAttribute('from') ?? '')
      this.#events.presence(stanza)
    })
    hear('iq', rosterNamespace, stanza => {
      // RFC 6121 §2.1.6.
      if (stanza.getAttribute('type') !== 'set' || !isOfAccount(stanza, jid)) return
      this.send(newStanza('iq', { type: 'result', id: stanza.getAttribute('id')! }))
      const contacts = roster.take(stanza)
      if (contacts) this.#events.contacts(contacts)
    })
  }

  #recover(): void {
    if (this.isHolding) return
    this.isHolding = true
    this.check(() => this.#release())
  }

  #release(): void {
    this.isHolding = false
    this.sendWaiting()
  }

  async #introduce(isLost: boolean, kept?: readonly (string | null)[]): Promise<void> {
    const { departures, rooms } = this.#parts
    // A resumed session may not know the page: its first requests may have been lost.
    const isNew = this.#introduced !== 'here'
    const enable = newElement('enable', { xmlns: carbonsNamespace })
    const carbons = newStanza('iq', { type: 'set', id: randomName() }, enable)
    const entering = isNew ? [carbons, newStanza('presence', {})] : []
    const contacts = isNew && this.#fetchContacts()
    rooms.begin(isNew)
    this.send(...entering, ...this.#waiting(kept), ...this.#state())
    const caughtUp = this.#catchUp(isLost || !this.#binding.resumed)
    if (!this.isHolding) this.check()
    if (await caughtUp) departures.failInDoubt()
    await contacts
    if (!this.#isOver) this.#events.settled()
  }

  async #fetchContacts(): Promise<void> {
    const contacts = await this.#parts.roster.fetch(this.connection, () => this.#isOver)
    if (!contacts || this.#isOver) return
    this.#events.contacts(contacts)
    if (this.#binding.resumed) this.send(...probesOf(contacts))
  }

  async #catchUp(isMissing: boolean): Promise<boolean> {
    const { arrivals, departures, history, rooms } = this.#parts
    const { jid } = this.#binding
    const showsHistory = this.#introduced === 'never' && history > 0
    const last = showsHistory ? undefined : arrivals.last
    const isShown = showsHistory || ((isMissing || arrivals.isHolding) && !!last)
    if (!isShown) arrivals.release([], jid)
    if (isShown) arrivals.hold()
    // Without `last`, the newest message must be fetched, because its id is needed later.
    if (isShown || !last) {
      const found = await this.#fetchArchived(last, isShown, Math.max(history, 1))
      if (!found) return false
      if (isShown) arrivals.release(found, jid)
      if (showsHistory) departures.recall(stanza => arrivals.showOwn(stanza, jid, rooms))
      arrivals.last ??= found.at(-1)?.id
    }
    // The archive can have them before `last`.
    return !departures.hasDoubts || !!(await this.#fetchArchived(undefined, false))
  }

  /** Asks until the archive answers. What it has is confirmed. Undefined if the session is over. */
  async #fetchArchived(last: string | undefined, isShown: boolean, most?: number) {
    const { arrivals, departures } = this.#parts
    const ask = () => this.#archive.since(last, arrivals.isKnown, most)
    let found = await ask()
    for (; (!found || this.#link.isMending) && !this.#isOver; found = await ask())
      if (!found && isShown) arrivals.miss(this.#binding.jid)
    if (this.#isOver || !found) return undefined
    departures.confirm(found.map(({ message }) => (message.own ? message.id : undefined)))
    return found
  }
}
