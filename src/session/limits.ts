import type { Config } from '../config/config.js'
import type { Networks } from '../config/networks.js'
import type { Counts } from '../counts.js'
import { clientOf } from '../lib/client-network.js'
import type { Clock, Timer } from '../lib/clock.js'
import { Rate } from '../lib/rates.js'

/** What there is too much of for one more session. */
export type Refusal = keyof Counts['sessionsRefused']

/** As much of a session as has to do with limits. */
export interface LimitedSession {
  /** Ends it: its client did not log in in time. */
  expel(reason: 'login-timeout'): void
}

/** Says whether there is memory for one more session beside so many. */
export interface Memory {
  bears(sessions: number): boolean
}

/** Says whether there are descriptors for one more session. */
export interface Descriptors {
  areLeft(): boolean
}

export interface LimitParts {
  readonly limits: Omit<Config['limits'], 'unfinishedMegabytes' | 'megabytes'>
  /** Sessions that come from one of these itself count for no client. */
  readonly trustedProxies: Pick<Networks, 'contains'>
  readonly rates: Pick<Config['rates'], 'sessionsPerAddress'>
  readonly clock: Clock
  readonly memory: Memory
  readonly descriptors: Descriptors
}

/** How many sessions a client has opened itself. */
interface Opened {
  readonly client: string
  sessions: number
  /** Those among them that are not logged in yet. */
  strangers: number
}

const none = { sessions: 0, strangers: 0 }

/** A client may open as many sessions at once as it may open in so many seconds. */
const rateSeconds = 5

/**
 * How many sessions there may be, in all and of each client; a client is an IPv4 address or an IPv6 network. Sessions
 * that logins of this process open, or that come from a trusted proxy itself, count for no client.
 */
export class SessionLimits {
  /** Refuses nothing. */
  static none(clock: Clock): SessionLimits {
    return new SessionLimits({
      limits: {
        ...{ sessions: 0, sessionsPerAddress: 0, unauthenticatedPerAddress: 0, loginTimeout: 0 },
        ...{ sessionsPerJid: 0, heldRequests: 0 },
      },
      rates: { sessionsPerAddress: 0 },
      trustedProxies: { contains: () => true },
      memory: { bears: () => true },
      descriptors: { areLeft: () => true },
      clock,
    })
  }

  /** How many requests of browsers wait for an answer; kept by the sessions that hold them. */
  waiting = 0
  readonly #parts: LimitParts
  readonly #rate: Rate
  /** By client; only clients that have a session are in it. */
  readonly #clients = new Map<string, Opened>()
  /** The client of each session that counts for one. */
  readonly #openedBy = new Map<LimitedSession, Opened>()
  /** Sessions of clients that are not logged in yet. */
  readonly #strangers = new Set<LimitedSession>()
  /** Until when they must be, in milliseconds of the clock; the oldest first. */
  readonly #deadlines = new Map<LimitedSession, number>()
  #timer: Timer | undefined

  constructor(parts: LimitParts) {
    this.#parts = parts
    this.#rate = new Rate(parts.rates.sessionsPerAddress * rateSeconds, rateSeconds)
  }

  /** Whether more requests wait for an answer than may. */
  get holdsTooMany(): boolean {
    return isOver(this.waiting, this.#parts.limits.heldRequests)
  }

  /** Why there is no room for one more session beside so many, with a request that waits; undefined if there is. */
  refusal(sessions: number): Refusal | undefined {
    const { limits, memory, descriptors } = this.#parts
    if (isOver(sessions + 1, limits.sessions)) return 'sessions'
    if (isOver(this.waiting + 1, limits.heldRequests)) return 'held'
    if (!memory.bears(sessions)) return 'memory'
    return descriptors.areLeft() ? undefined : 'descriptors'
  }

  /** Whether a client opens sessions too often. Takes note that it wants one. */
  async isTooOften(address: string): Promise<boolean> {
    return !this.#isProxy(address) && (await this.#rate.take(clientOf(address))) !== undefined
  }

  /** Why a client may not open one more; undefined if it may. */
  refusalOf(address: string): Refusal | undefined {
    if (this.#isProxy(address)) return undefined
    const { sessionsPerAddress, unauthenticatedPerAddress } = this.#parts.limits
    const { sessions, strangers } = this.#clients.get(clientOf(address)) ?? none
    if (isOver(sessions + 1, sessionsPerAddress)) return 'address'
    return isOver(strangers + 1, unauthenticatedPerAddress) ? 'unauthenticated' : undefined
  }

  /** Whether so many live sessions are more than one user may have. */
  isCrowded(sessions: number): boolean {
    return isOver(sessions, this.#parts.limits.sessionsPerJid)
  }

  /** A client has opened a session itself. */
  opened(session: LimitedSession, address: string): void {
    const { limits, clock } = this.#parts
    this.#strangers.add(session)
    if (limits.loginTimeout > 0) {
      this.#deadlines.set(session, clock.now() + limits.loginTimeout * 1000)
      this.#await()
    }
    if (this.#isProxy(address)) return
    const client = clientOf(address)
    const opened = this.#clients.get(client) ?? { client, sessions: 0, strangers: 0 }
    opened.sessions += 1
    opened.strangers += 1
    this.#clients.set(client, opened)
    this.#openedBy.set(session, opened)
  }

  /** The server takes the client for one of its users; may be called again, and for any session. */
  loggedIn(session: LimitedSession): void {
    if (!this.#strangers.delete(session)) return
    const opened = this.#openedBy.get(session)
    if (opened !== undefined) opened.strangers -= 1
    this.#deadlines.delete(session)
    if (this.#deadlines.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** The session is over; may be called for any session. */
  ended(session: LimitedSession): void {
    this.loggedIn(session)
    const opened = this.#openedBy.get(session)
    if (opened === undefined) return
    this.#openedBy.delete(session)
    opened.sessions -= 1
    if (opened.sessions === 0) this.#clients.delete(opened.client)
  }

  #isProxy(address: string): boolean {
    return this.#parts.trustedProxies.contains(address)
  }

  /** Ends the sessions that are not logged in in time, when the first of them is due. */
  #await(): void {
    const [next] = this.#deadlines.values()
    if (this.#timer !== undefined || next === undefined) return
    const { clock } = this.#parts
    this.#timer = clock.after(Math.max(0, next - clock.now()), () => {
      this.#timer = undefined
      const now = clock.now()
      const late = [...this.#deadlines].filter(([, until]) => until <= now)
      for (const [session] of late) {
        this.#deadlines.delete(session)
        session.expel('login-timeout')
      }
      this.#await()
    })
  }
}

/** Whether a number is over its limit, of which 0 is none. */
function isOver(number: number, limit: number): boolean {
  return limit > 0 && number > limit
}
