import type { Config } from '../../config/config.js'
import { countedClientOf } from '../../lib/client-network.js'
import type { sessionLimits } from '../../lib/counts.js'
import { exceeds, KeyCounts } from '../../lib/limits/key-counts.js'
import type { KeyedRate, MakeRate } from '../../lib/limits/rates.js'
import type { Store } from '../../store/store.js'
import type { ClientAttempts } from '../logins/client-attempts.js'

export type Refusal = keyof typeof sessionLimits

export interface LimitParts {
  readonly config: Pick<Config, 'limits' | 'rates' | 'bosh' | 'trustedProxies'>
  readonly resources: Resources
  readonly resourcesOfClients: Resources
  readonly makeRate: MakeRate
  /** Undefined with one process. */
  readonly shared?: SharedCounts | undefined
}

/** With several processes, the store has the sessions of all. */
export interface SharedCounts {
  readonly self: string
  readonly store: Pick<Store, 'sessions'>
  /** The store did not answer, so this process has counted alone. */
  readonly onAlone: () => void
}

interface Resources {
  readonly memoryAllows: (sessions: number) => boolean
  readonly descriptorsAreLeft: () => boolean
}

/** A session that a client has opened. */
interface Opened {
  readonly session: { end(reason: 'limit', how: 'evicted'): void }
  readonly client: string
  readonly logins: Pick<ClientAttempts, 'refused' | 'isSilent'>
  readonly since: number
}

/** At most this number of held requests is counted for each session without a login. */
const mostOfStranger = 5

const shareOfStrangers = 1 / 4

/** Share of held requests, memory and descriptors that only warm calls may use. */
export const shareOfWarmCalls = 1 / 10

const rateSeconds = 5

/** Milliseconds until a session without an attempt to log in may be ended. */
const patience = 5_000

export class SessionLimits {
  heldRequests = 0
  readonly #parts: LimitParts
  readonly #rate: KeyedRate
  /** Sessions of each client, with those that are admitted and not yet opened. */
  readonly #ofClient = new KeyCounts()
  readonly #unauthenticated = new KeyCounts()
  readonly #guestsOf = new KeyCounts()
  /** Clients of the sessions of guests. */
  readonly #guests = new Map<object, string>()
  /** Sessions that clients have opened, except behind a proxy. */
  readonly #opened = new Map<object, Opened>()
  /** Sessions without a login, also behind a proxy. */
  readonly #strangers = new Set<object>()
  /** Those of each client that have not ended, the oldest first. */
  readonly #strangersOf = new Map<string, Set<Opened>>()

  constructor(parts: LimitParts) {
    this.#parts = parts
    const { rates } = parts.config
    this.#rate = parts.makeRate('sessions-address', () => rates.sessionsPerAddress * rateSeconds, rateSeconds)
  }

  get loginMilliseconds(): number {
    return this.#parts.config.limits.loginTimeout * 1000 || Number.POSITIVE_INFINITY
  }

  get holdsTooMany(): boolean {
    return exceeds(this.heldRequests, this.#parts.config.limits.heldRequests)
  }

  refusal(sessions: number): Refusal | undefined {
    const { config, resources } = this.#parts
    const { limits } = config
    if (exceeds(sessions + 1, limits.sessions)) return 'sessions'
    if (exceeds(this.heldRequests + 1, limits.heldRequests)) return 'held'
    return refusalOf(resources, sessions)
  }

  refusalOfClient(sessions: number): Refusal | undefined {
    const { config, resourcesOfClients } = this.#parts
    const { limits, bosh } = config
    const refusal = this.refusal(sessions)
    if (refusal !== undefined) return refusal
    const strangers = this.#strangers.size
    if (exceeds(strangers + 1, Math.ceil(limits.sessions * shareOfStrangers))) return 'strangers'
    const held = Math.max(this.heldRequests, strangers * Math.min(bosh.maxRequests, mostOfStranger))
    if (exceeds(held + 1, Math.ceil(limits.heldRequests * (1 - shareOfWarmCalls)))) return 'held'
    return refusalOf(resourcesOfClients, sessions)
  }

  async isTooOften(address: string): Promise<boolean> {
    const client = this.#clientOf(address)
    return client !== undefined && (await this.#rate.take(client)) !== undefined
  }

  isFullOfGuests(sessions: number): boolean {
    return exceeds(sessions + 1, this.#parts.config.limits.guests)
  }

  /** A guest's token opens many sessions, so one client could take all places of MAX_GUESTS. */
  hasTooManyGuests(address: string): boolean {
    const client = this.#clientOf(address)
    const { sessionsPerAddress: most } = this.#parts.config.limits
    return client !== undefined && exceeds(this.#guestsOf.of(client) + 1, most)
  }

  /** Until `removed`. */
  guestOpened(session: object, address: string): void {
    const client = this.#clientOf(address)
    if (client === undefined) return
    this.#guests.set(session, client)
    this.#guestsOf.add(client, 1)
  }

  countedClient(session: object): string | undefined {
    return this.#opened.get(session)?.client
  }

  /** If the result is undefined, call `opened` or `notOpened` next. Returns a promise only if the store counts. */
  admit(address: string): Refusal | undefined | Promise<Refusal | undefined> {
    const { config, shared } = this.#parts
    const client = this.#clientOf(address)
    if (client === undefined) return undefined
    const { sessionsPerAddress: most, unauthenticatedPerAddress } = config.limits
    if (exceeds(this.#ofClient.of(client) + 1, most)) return 'address'
    if (exceeds(this.#unauthenticated.of(client) + 1, unauthenticatedPerAddress)) return 'unauthenticated'
    this.#count(client, 1)
    return shared === undefined || most === 0 ? undefined : this.#admitInAll(client, most, shared)
  }

  /**
   * Sessions that open in several processes in the same moment can exceed the limit. Sessions without a login are counted
   * in each process.
   */
  async #admitInAll(client: string, most: number, { store, onAlone }: SharedCounts): Promise<Refusal | undefined> {
    const count = await store.sessions.count('address', client).catch(onAlone)
    if (count === undefined || count < most) return undefined
    this.#count(client, -1)
    return 'address'
  }

  notOpened(address: string): void {
    const client = this.#clientOf(address)
    if (client !== undefined) this.#count(client, -1)
  }

  #count(client: string, count: 1 | -1): void {
    this.#ofClient.add(client, count)
    this.#unauthenticated.add(client, count)
  }

  /** Ends a suspicious session of the address. Returns false if there is none. */
  makeRoom(address: string, now: number): boolean {
    const found = mostSuspicious(this.#strangersOf.get(this.#clientOf(address) ?? '') ?? [], now)
    found?.session.end('limit', 'evicted')
    return found !== undefined
  }

  opened(session: Opened['session'], address: string, logins: Opened['logins'], since: number): void {
    this.#strangers.add(session)
    const client = this.#clientOf(address)
    if (client === undefined) return
    const opened = { session, client, logins, since }
    this.#opened.set(session, opened)
    const others = this.#strangersOf.get(client)
    if (others === undefined) this.#strangersOf.set(client, new Set([opened]))
    else others.add(opened)
  }

  loggedIn(session: object): void {
    this.#strangers.delete(session)
    this.ended(session)
  }

  /** In `address`, the session counts until `removed`, because it uses memory. */
  ended(session: object): void {
    const opened = this.#opened.get(session)
    const strangers = opened && this.#strangersOf.get(opened.client)
    if (opened === undefined || strangers?.delete(opened) !== true) return
    if (strangers.size === 0) this.#strangersOf.delete(opened.client)
    this.#unauthenticated.add(opened.client, -1)
  }

  removed(session: object): void {
    this.loggedIn(session)
    const opened = this.#opened.get(session)
    if (opened !== undefined && this.#opened.delete(session)) this.#ofClient.add(opened.client, -1)
    const client = this.#guests.get(session)
    if (client !== undefined && this.#guests.delete(session)) this.#guestsOf.add(client, -1)
  }

  #clientOf(address: string): string | undefined {
    return countedClientOf(address, this.#parts.config.trustedProxies)
  }
}

function refusalOf({ memoryAllows, descriptorsAreLeft }: Resources, sessions: number): Refusal | undefined {
  if (!memoryAllows(sessions)) return 'memory'
  return descriptorsAreLeft() ? undefined : 'descriptors'
}

/** The session with the most refused logins, or the oldest without an attempt. Undefined if none is suspicious. */
function mostSuspicious(strangers: Iterable<Opened>, now: number): Opened | undefined {
  let worst: Opened | undefined
  for (const stranger of strangers) {
    const { logins, since } = stranger
    if (logins.refused > (worst?.logins.refused ?? 0)) worst = stranger
    else if (logins.isSilent && now - since >= patience) worst ??= stranger
  }
  return worst
}
