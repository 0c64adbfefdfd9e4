import type { Config } from '../../config/config.js'
import type { Networks } from '../../config/kinds/networks.js'
import { clientOf } from '../../lib/client-network.js'
import type { sessionLimits } from '../../lib/counts.js'
import { isOver, type LiveCounts, OwnCounts } from '../../lib/limits/live-counts.js'
import { type KeyedRate, type MakeRate, ownRates } from '../../lib/limits/rates.js'

/** What there is too much of for one more session. */
export type Refusal = keyof typeof sessionLimits

export interface LimitParts {
  readonly limits: Omit<
    Config['limits'],
    'unfinishedMegabytes' | 'unreadMegabytes' | 'megabytes' | 'sessionsPerJid' | 'stanzaBytes'
  >
  /** Sessions that come from one of these itself count for no client. */
  readonly trustedProxies: Pick<Networks, 'hasProxy'>
  readonly rates: Pick<Config['rates'], 'sessionsPerAddress'>
  readonly bosh: Pick<Config['bosh'], 'maxRequests'>
  /** What there is for one more session. */
  readonly room: Room
  /** The same for a session that a client opens itself, which leaves a part to warm calls. */
  readonly roomOfClients: Room
  /** Counts the sessions of clients; those of this process unless it is not the only one. */
  readonly counts?: LiveCounts<OfClient> | undefined
  /** Makes the rate of new sessions, which is of this process in the same case. */
  readonly makeRate?: MakeRate | undefined
}

interface Room {
  /** Whether there is memory for one more session beside so many. */
  readonly memoryBears: (sessions: number) => boolean
  readonly descriptorsAreLeft: () => boolean
}

/** What there may be so many of for each client: sessions that it has opened, and those among them that are not logged in. */
export type OfClient = 'address' | 'unauthenticated'

const ofClient: readonly OfClient[] = ['address', 'unauthenticated']

/** Stands for all trusted proxies, which have no limits. */
const proxy = 'proxy'

/** The part of all sessions that clients may have opened without being logged in. */
const shareOfStrangers = 1 / 4

/** The part of requests, memory and descriptors that warm calls have for themselves. */
export const shareOfWarmCalls = 1 / 10

/** A client may open as many sessions at once as it may open in so many seconds. */
const rateSeconds = 5

/**
 * How many sessions there may be, in all and of each client, an IPv4 address or an IPv6 network. Sessions of logins of
 * this process, or from a trusted proxy itself, count for no client.
 */
export class SessionLimits {
  /** How many requests of browsers wait for an answer; kept by the sessions that hold them. */
  waiting = 0
  readonly #parts: LimitParts
  readonly #rate: KeyedRate
  readonly #counts: LiveCounts<OfClient>
  /** The clients of the sessions that they have opened themselves, and which of these are not logged in yet. */
  readonly #clients = new Map<object, { readonly client: string; isStranger: boolean }>()
  /** The sessions that no user has logged in to, also those that a trusted proxy itself has opened, until they are over. */
  readonly #strangers = new Set<object>()

  constructor(parts: LimitParts) {
    this.#parts = parts
    this.#rate = (parts.makeRate ?? ownRates)(
      'sessions-address',
      parts.rates.sessionsPerAddress * rateSeconds,
      rateSeconds,
    )
    const { sessionsPerAddress: address, unauthenticatedPerAddress: unauthenticated } = parts.limits
    this.#counts = parts.counts ?? new OwnCounts({ address, unauthenticated })
  }

  /** How long a client that has opened a session may take to log in, in milliseconds. */
  get loginMilliseconds(): number {
    return this.#parts.limits.loginTimeout * 1000 || Number.POSITIVE_INFINITY
  }

  /** Whether too many requests wait for an answer. No new session is opened then. */
  get holdsTooMany(): boolean {
    return isOver(this.waiting, this.#parts.limits.heldRequests)
  }

  /** Why there is no room for one more session beside so many, with a request that waits; undefined if there is. */
  refusal(sessions: number): Refusal | undefined {
    const { limits, room } = this.#parts
    if (isOver(sessions + 1, limits.sessions)) return 'sessions'
    if (isOver(this.waiting + 1, limits.heldRequests)) return 'held'
    return refusalOf(room, sessions)
  }

  /** The same for a session that a client opens itself. */
  refusalOfClient(sessions: number): Refusal | undefined {
    const { limits, bosh, roomOfClients } = this.#parts
    const refusal = this.refusal(sessions)
    if (refusal !== undefined) return refusal
    const strangers = this.#strangers.size
    if (isOver(strangers + 1, Math.ceil(limits.sessions * shareOfStrangers))) return 'strangers'
    // All strangers may send as many requests as they can once their sessions are open.
    const held = Math.max(this.waiting, strangers * bosh.maxRequests)
    if (isOver(held + 1, Math.ceil(limits.heldRequests * (1 - shareOfWarmCalls)))) return 'held'
    return refusalOf(roomOfClients, sessions)
  }

  /** Whether a client opens sessions too often. Takes note that it wants one. */
  async isTooOften(address: string): Promise<boolean> {
    const client = this.#clientOf(address)
    return client !== proxy && (await this.#rate.take(client)) !== undefined
  }

  /**
   * Why a client may not open one more; undefined if it may, and then one more is counted: `opened` or `turnedAway` has to
   * follow. The answer comes at once unless another process has to be asked.
   */
  admit(address: string): Refusal | undefined | Promise<Refusal | undefined> {
    const client = this.#clientOf(address)
    return client === proxy ? undefined : this.#counts.take(client, ofClient)
  }

  /** A client that was admitted has opened no session after all. */
  turnedAway(address: string): void {
    const client = this.#clientOf(address)
    if (client !== proxy) for (const kind of ofClient) this.#counts.giveBack(kind, client)
  }

  /** A client that was admitted has opened this session. */
  opened(session: object, address: string): void {
    this.#strangers.add(session)
    const client = this.#clientOf(address)
    if (client !== proxy) this.#clients.set(session, { client, isStranger: true })
  }

  /** The server takes the client for one of its users; may be called again, and for any session. */
  loggedIn(session: object): void {
    this.#strangers.delete(session)
    this.finished(session)
  }

  /**
   * Nobody can log in to the session any more, although its client may not have been told yet. It counts for the address, and in
   * all, until it is over, because it takes memory until then. May be called again, and for any session.
   */
  finished(session: object): void {
    const opened = this.#clients.get(session)
    if (opened?.isStranger !== true) return
    opened.isStranger = false
    this.#counts.giveBack('unauthenticated', opened.client)
  }

  /** The session is over; may be called for any session. */
  ended(session: object): void {
    this.loggedIn(session)
    const opened = this.#clients.get(session)
    if (opened !== undefined && this.#clients.delete(session)) this.#counts.giveBack('address', opened.client)
  }

  #clientOf(address: string): string {
    return this.#parts.trustedProxies.hasProxy(address) ? proxy : clientOf(address)
  }
}

function refusalOf({ memoryBears, descriptorsAreLeft }: Room, sessions: number): Refusal | undefined {
  if (!memoryBears(sessions)) return 'memory'
  return descriptorsAreLeft() ? undefined : 'descriptors'
}
