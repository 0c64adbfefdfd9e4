import { Arrivals } from './arrivals.js'
import { Backoff } from './backoff.js'
import { ChatDepartures } from './chat-departures.js'
import type { ChatEvents, ChatTarget, Presence, Status } from './chat-events.js'
import { isOver, mayReturn, NoChat, replaced } from './failures.js'
import { mending } from './link-state.js'
import { bareJid, conditionOf, roomAndOccupant, writeMessage } from './message.js'
import { type Introduced, type Memory, randomName, storeMemory, takeMemory } from './page-memory.js'
import { type PageParts, PageSession } from './page-session.js'
import { JoinedRooms } from './rooms.js'
import { Roster } from './roster.js'
import { type CheckOptions, checkSignIn } from './sign-in-check.js'
import { createSocket, type ManagedSocket, socketAddress } from './socket.js'
import { askForBinding, endVisit, type Located, memoryNameOf, type Source } from './source.js'
import type { StropheConnection, StropheNamespace } from './strophe.js'

export type ChatOptions = Source & CheckOptions & OtherOptions

interface OtherOptions {
  /** Strophe 5, which the page loads. */
  readonly Strophe: StropheNamespace
  /** `auto` uses WebSocket, or BOSH if WebSocket is blocked, or not online within 10 s. Default: `auto`. */
  readonly transport?: 'auto' | 'bosh' | 'websocket'
  /** Number of archived messages to show after loading. Default: 50. */
  readonly history?: number
  /** Rooms to join, such as `tea@rooms.example.org/Alice`. */
  readonly rooms?: readonly string[]
  /** True if the session waits for the next page of this tab. Default: true. */
  readonly keep?: boolean
  readonly withCredentials?: boolean
  /** Distinguishes several chats in one page. */
  readonly name?: string
  /** What the user is called in messages, for example a guest (XEP-0172). */
  readonly nickname?: string
}

const lost = 'The connection was lost.'
const noNetwork = { state: 'offline', code: 'no-network', reason: 'This device has no network.' } as const

const socketPingMilliseconds = 50_000

/** Each event has its value in `detail`. */
export class Chat extends (EventTarget as new () => ChatTarget) {
  readonly #options: ChatOptions
  readonly #name: string
  readonly #parts: PageParts
  readonly #rooms: JoinedRooms
  readonly #backoff = new Backoff()
  readonly #closing = new AbortController()
  #memory: Memory
  /** What the last `pagehide` has stored, until `pageshow`. */
  #left: Memory | undefined
  #isStored = false
  #status: Status = { state: 'connecting' }
  #session: PageSession | undefined
  #socket: ManagedSocket | undefined
  #isSocketBlocked = false
  #wasOnline = false
  #introduced: Introduced = 'never'
  #checking: ReturnType<typeof setInterval> | undefined
  #checkingSignIn: ReturnType<typeof setInterval> | undefined
  #request = 0
  /** Presences that came before the page could listen, which many pages do when `connect` has resolved. */
  #early: Element[] | undefined = []

  constructor(options: ChatOptions) {
    super()
    const { history = 50, name = memoryNameOf(options), rooms = [], Strophe, withCredentials = false } = options
    this.#options = options
    this.#name = name
    this.#rooms = new JoinedRooms(rooms.map(roomAndOccupant))
    this.#memory = takeMemory(this.#name)
    const { seen, last, isBehind, outgoing, sent } = this.#memory
    const arrivals = new Arrivals(seen, last || undefined, message => this.#fire('message', message))
    if (isBehind) arrivals.hold()
    const departures = new ChatDepartures(outgoing, sent, state => this.#fire('messagestate', state))
    departures.onChange = this.#keepHidden
    this.#parts = { Strophe, arrivals, departures, rooms: this.#rooms, roster: new Roster(), history, withCredentials }
  }

  /** The full JID. Empty before the first binding. */
  get jid(): string {
    return this.#memory.jid
  }

  get status(): Status {
    return this.#status
  }

  /** For the page's own stanzas. Each reconnect over BOSH creates a new connection object. */
  get connection(): StropheConnection | undefined {
    return this.#session?.connection
  }

  start(): void {
    const { signal } = this.#closing
    const hear = (target: EventTarget, type: string, act: (event: never) => void) =>
      target.addEventListener(type, act as EventListener, { signal })
    hear(globalThis, 'online', this.#come)
    hear(globalThis, 'offline', () => this.#status.state === 'ended' || this.#enter(noNetwork))
    hear(globalThis, 'pagehide', this.#leave)
    hear(globalThis, 'pageshow', this.#returned)
    hear(document, 'visibilitychange', this.#come)
    this.#checking = setInterval(() => this.#session?.isSilent() && this.#session.check(), socketPingMilliseconds)
    this.#checkingSignIn = checkSignIn(this.#options, () => this.#session, this.#endSession)
    this.#keepHidden()
    this.#ask()
  }

  retry(): void {
    if (this.#session || this.#closing.signal.aborted) return
    this.#backoff.reset()
    this.#ask()
  }

  /** Sends now, or as soon as connected. `groupchat` is the default for a joined room. Returns the message's id. */
  send(
    to: string,
    body: string,
    type: 'chat' | 'groupchat' = this.#rooms.has(to.toLowerCase()) ? 'groupchat' : 'chat',
  ): string {
    const { departures } = this.#parts
    const id = randomName()
    const stanza = writeMessage(to, type, id, body, this.#options.nickname)
    this.#fire('sending', stanza)
    const session = this.#left || this.#ready?.isHolding ? undefined : this.#ready
    departures.add(stanza, !!session, !!session?.socket)
    // As the page has made it: parsed again, it could differ.
    session?.send(stanza)
    session?.confirmSent()
    this.#parts.arrivals.showOwn(stanza.cloneNode(true) as Element, this.jid, this.#rooms)
    if (isOver(this.#status)) departures.failAll()
    // A listener to `pagehide` of the page, after this one.
    if (this.#left) this.#left = this.#store(this.#left.isBehind === true)
    return id
  }

  /** Sends a failed message again, with the same id. Returns false if the message is unknown. */
  resend(id: string): boolean {
    const isKnown = this.#parts.departures.resend(id)
    this.#ready?.sendWaiting()
    if (isOver(this.#status)) this.#parts.departures.failAll()
    return isKnown
  }

  /** Joins now, and in later sessions. If the room refuses, a `presence` event has a `code`. */
  join(room: string, nickname: string): void {
    this.#rooms.join(room, nickname)
    this.#ready?.sendWaiting()
  }

  part(room: string): void {
    this.#rooms.part(room)
    this.#ready?.sendWaiting()
  }

  close(): void {
    this.#endSession('closed', 'The chat has ended.')
    clearInterval(this.#checking)
    clearInterval(this.#checkingSignIn)
    this.#closing.abort()
  }

  /**
   * Calls `before` to sign out of the portal, and closes the chat. With the option `service`, also ends the sessions of
   * other tabs. With `binding`, the portal must end those sessions. Rejects if the service cannot be called.
   */
  async signOut(before?: () => unknown): Promise<void> {
    const leave = async () => {
      await before?.()
      // The chat closes before its session ends, because an open chat would log in again.
      this.close()
    }
    try {
      await (this.#options.service === undefined ? leave() : endVisit(this.#options, leave))
    } finally {
      this.close()
    }
  }

  async #ask(): Promise<void> {
    const mine = this.#forget()
    this.#enter({ state: 'connecting' })
    try {
      const binding = await askForBinding(this.#options, this.#memory.tab)
      if (mine === this.#request) this.#open(binding)
    } catch (error) {
      if (mine !== this.#request) return
      if (!(error instanceof NoChat)) {
        this.#end('refused', 'The chat is not available.')
        throw error
      }
      if (error.code) this.#end(error.code, error.message)
      else this.#wait(error.message, error.retryAfter)
    }
  }

  #forget(): number {
    this.#session?.drop()
    this.#session = undefined
    this.#backoff.cancel()
    return ++this.#request
  }

  /** The next session is another one, of which the page has shown nothing. */
  #beginAnew(): void {
    this.#parts.arrivals.seen = 0
    if (this.#introduced === 'here') this.#introduced = 'elsewhere'
  }

  #open(binding: Located): void {
    const { arrivals, departures, Strophe } = this.#parts
    const { jid, resumed, requests = 2, rid, received, websocket } = binding
    const before = this.#memory.jid
    const isKnown = resumed === true && jid === before
    if (!isKnown) this.#beginAnew()
    if (before && bareJid(jid) !== bareJid(before)) {
      const { guest } = this.#options
      if (this.#wasOnline && !guest) return void this.#end('signed-out', 'You are not signed in any more.')
      arrivals.last = undefined
      // A new guest is the same visitor.
      if (!guest) departures.clear()
    }
    this.#memory = { ...this.#memory, jid }
    const { transport = 'auto' } = this.#options
    const isOverSocket = websocket && transport !== 'bosh' && !this.#isSocketBlocked
    const kept = this.#socket?.kept() ?? []
    const isLost = (id: string) => (kept.includes(id) ? !isOverSocket : !isKnown)
    departures.goOn(rid, requests, isKnown ? received : undefined, isLost)
    const session = new PageSession(binding, this.#parts, this.#introduced, {
      online: () => {
        const { state } = this.#status
        if (state === 'online' || (state === 'offline' && !navigator.onLine)) return
        this.#wasOnline = true
        this.#backoff.succeeded()
        // Before listeners to the status send more.
        session.sendWaiting()
        this.#enter({ state: 'online' })
        setTimeout(() => {
          const early = this.#early ?? []
          this.#early = undefined
          for (const stanza of early) this.#note(stanza)
        })
      },
      mending: () => this.#enter(navigator.onLine ? mending : noNetwork),
      settled: () => {
        this.#introduced = 'here'
      },
      failed: retryIn => this.#pause(lost, retryIn),
      // If replaced chats retried, two pages would replace each other without end.
      lost: (isReplaced, isRefused) => {
        if (isRefused) departures.failTooLong()
        if (isReplaced) this.#end('replaced', replaced)
        else this.#wait(lost)
      },
      blocked: isUsed => {
        if (transport === 'websocket' || !navigator.onLine) return this.#wait(lost)
        this.#isSocketBlocked = true
        if (isUsed) this.#ask()
        else this.#open(binding)
      },
      contacts: contacts => this.#fire('contacts', contacts),
      presence: stanza => (this.#early ? this.#early.push(stanza) : this.#note(stanza)),
    })
    this.#session = session
    if (isOverSocket) {
      this.#socket ??= createSocket(Strophe)
      this.#socket.connection.service = socketAddress(websocket.url)
      session.useSocket(this.#socket, websocket.token)
    } else session.attach()
  }

  /** While the link is mended, the service stores what the page sends. */
  get #ready(): PageSession | undefined {
    return this.#status.state === 'online' || this.#status.code === mending.code ? this.#session : undefined
  }

  #wait(reason: string, atLeast = 0): void {
    this.#forget()
    const seconds = this.#backoff.next(atLeast, () => this.#ask())
    if (!seconds) this.#end('unreachable', 'There is no chat at the moment.')
    else this.#pause(reason, seconds)
  }

  #pause(reason: string, retryIn: number): void {
    this.#enter(navigator.onLine ? { state: 'offline', code: 'unreachable', reason, retryIn } : noNetwork)
  }

  readonly #endSession = (code: string, reason: string): void => {
    this.#session?.close()
    this.#end(code, reason)
  }

  #end(code: string, reason: string): void {
    this.#forget()
    if (!mayReturn(code)) this.#parts.departures.failAll()
    this.#enter({ state: 'ended', code, reason })
  }

  #note(stanza: Element): void {
    const type = stanza.getAttribute('type')
    const from = stanza.getAttribute('from') ?? ''
    const isRefusal = type === 'error' && this.#rooms.has(bareJid(from))
    if (type && type !== 'unavailable' && !isRefusal) return
    const show = stanza.getElementsByTagName('show')[0]?.textContent as string | undefined
    const code = isRefusal ? conditionOf(stanza) : undefined
    this.#fire('presence', { from, isAvailable: !type, show, code, stanza } satisfies Presence)
  }

  readonly #come = ({ type }: Event): void => {
    this.#keepHidden()
    this.#ready?.tellState()
    const { state, code } = this.#status
    // A hidden chat gets messages again when the network is back, but takes the place of no other chat.
    if (document.visibilityState === 'hidden' && (type !== 'online' || code === 'replaced')) return
    if (this.#session && state !== 'connecting') this.#session.check()
    else if (state === 'offline' || mayReturn(code)) this.retry()
  }

  readonly #leave = (): void => {
    if (isOver(this.#status)) return
    this.#left = this.#store(this.#parts.arrivals.leave(this.jid))
    // The session ends if no memory is stored, because no page could resume the session.
    this.#session?.leave(!this.#left)
  }

  /** Undefined if it cannot be stored. */
  #store(isBehind: boolean): Memory | undefined {
    const { arrivals, departures } = this.#parts
    const { seen, last = '' } = arrivals
    const kept = this.#socket?.kept() ?? []
    const sent = departures.sent.map(each => (kept.includes(each.id) ? { ...each, isInDoubt: true } : each))
    const memory = { ...this.#memory, seen, last, isBehind, outgoing: departures.outgoing, sent }
    return this.#options.keep !== false && storeMemory(this.#name, memory) ? memory : undefined
  }

  /** Browsers discard hidden tabs without `pagehide`. Only while messages wait: see `takeMemory`. */
  readonly #keepHidden = (): void => {
    if (this.#left) return
    const { arrivals, departures } = this.#parts
    const isWaiting = document.visibilityState === 'hidden' && departures.isAnyPending && !isOver(this.#status)
    if (isWaiting) this.#isStored = this.#store(arrivals.isHolding) !== undefined
    else if (this.#isStored) {
      this.#isStored = false
      takeMemory(this.#name)
    }
  }

  readonly #returned = ({ persisted }: PageTransitionEvent): void => {
    if (!persisted || isOver(this.#status)) return
    // What listeners send meanwhile waits.
    this.#forget()
    const memory = takeMemory(this.#name)
    const { jid } = this.#memory
    const isOfOther = jid && memory.jid && !this.#options.guest && bareJid(memory.jid) !== bareJid(jid)
    // A later page of the tab has taken the memory. It may have sent messages, and may have left others.
    if (this.#left && JSON.stringify(memory) !== JSON.stringify(this.#left)) {
      const { outgoing, sent } = isOfOther ? this.#left : memory
      this.#parts.departures.replace(outgoing, sent)
      // Strophe would send again what that page has sent.
      this.#socket = undefined
    }
    if (isOfOther) storeMemory(this.#name, memory)
    else if (memory.jid && memory.jid !== jid) {
      // What the other page had sent belongs to its session, of which this page has shown nothing.
      this.#memory = { ...this.#memory, jid: memory.jid }
      this.#beginAnew()
    }
    this.#memory = { ...this.#memory, tab: memory.tab }
    if (!isOfOther) this.#left = undefined
    if (!isOver(this.#status)) this.#ask()
  }

  #enter(status: Status): void {
    const { state, reason, retryIn } = this.#status
    const isNew = state !== status.state || reason !== status.reason || retryIn !== status.retryIn
    this.#status = status
    if (isNew) this.#fire('status', status)
  }

  #fire<Name extends keyof ChatEvents>(type: Name, detail: ChatEvents[Name]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
