import type { Config } from '../../config/config.js'
import type { Networks } from '../../config/kinds/networks.js'
import { clientOf } from '../../lib/client-network.js'
import type { sessionLimits } from '../../lib/counts.js'
import { exceeds, type LiveCounts } from '../../lib/limits/live-counts.js'
import type { KeyedRate, MakeRate } from '../../lib/limits/rates.js'

export type Refusal = keyof typeof sessionLimits

export interface LimitParts {
  readonly limits: Omit<
    Config['limits'],
    'unfinishedMegabytes' | 'unreadMegabytes' | 'megabytes' | 'sessionsPerJid' | 'stanzaBytes'
  >
  readonly trustedProxies: Pick<Networks, 'hasProxy'>
  readonly rates: Pick<Config['rates'], 'sessionsPerAddress'>
  readonly bosh: Pick<Config['bosh'], 'maxRequests'>
  readonly resources: Resources
  readonly resourcesOfClients: Resources
  readonly counts: LiveCounts<OfClient>
  readonly makeRate: MakeRate
}

interface Resources {
  readonly memoryAllows: (sessions: number) => boolean
  readonly descriptorsAreLeft: () => boolean
}

export type OfClient = 'address' | 'unauthenticated'

const ofClient: readonly OfClient[] = ['address', 'unauthenticated']

const proxy = 'proxy'

/** At most this number of held requests is counted for each session without a login. */
const mostOfStranger = 5

const shareOfStrangers = 1 / 4

/** Share of held requests, memory and descriptors that only warm calls may use. */
export const shareOfWarmCalls = 1 / 10

const rateSeconds = 5

export class SessionLimits {
  heldRequests = 0
  readonly #parts: LimitParts
  readonly #rate: KeyedRate
  readonly #refusedSignOuts: KeyedRate
  readonly #clients = new Map<object, { readonly client: string; isStranger: boolean }>()
  readonly #strangers = new Set<object>()

  constructor(parts: LimitParts) {
    this.#parts = parts
    const most = () => parts.rates.sessionsPerAddress * rateSeconds
    this.#rate = parts.makeRate('sessions-address', most, rateSeconds)
    this.#refusedSignOuts = parts.makeRate('refused-sign-outs', most, rateSeconds)
  }

  get loginMilliseconds(): number {
    return this.#parts.limits.loginTimeout * 1000 || Number.POSITIVE_INFINITY
  }

  get holdsTooMany(): boolean {
    return exceeds(this.heldRequests, this.#parts.limits.heldRequests)
  }

  refusal(sessions: number): Refusal | undefined {
    const { limits, resources } = this.#parts
    if (exceeds(sessions + 1, limits.sessions)) return 'sessions'
    if (exceeds(this.heldRequests + 1, limits.heldRequests)) return 'held'
    return refusalOf(resources, sessions)
  }

  refusalOfClient(sessions: number): Refusal | undefined {
    const { limits, bosh, resourcesOfClients } = this.#parts
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
    return client !== proxy && (await this.#rate.take(client)) !== undefined
  }

  /** Logins of others behind the same address do not prevent a sign-out. */
  async refusesSignOuts(address: string): Promise<boolean> {
    const client = this.#clientOf(address)
    return client !== proxy && (await this.#refusedSignOuts.wait(client)) !== undefined
  }

  async countRefusedSignOut(address: string): Promise<void> {
    const client = this.#clientOf(address)
    if (client !== proxy) await this.#refusedSignOuts.take(client)
  }

  /** Undefined for warmed sessions, and behind a proxy. */
  countedClient(session: object): string | undefined {
    return this.#clients.get(session)?.client
  }

  /** If the result is undefined, call `opened` or `notOpened` next. */
  admit(address: string): Refusal | undefined | Promise<Refusal | undefined> {
    const client = this.#clientOf(address)
    return client === proxy ? undefined : this.#parts.counts.take(client, ofClient)
  }

  notOpened(address: string): void {
    const client = this.#clientOf(address)
    if (client !== proxy) for (const kind of ofClient) this.#parts.counts.giveBack(kind, client)
  }

  opened(session: object, address: string): void {
    this.#strangers.add(session)
    const client = this.#clientOf(address)
    if (client !== proxy) this.#clients.set(session, { client, isStranger: true })
  }

  loggedIn(session: object): void {
    this.#strangers.delete(session)
    this.#stopCountingStranger(session)
  }

  /**
   * Stops counting the session in `unauthenticated`. In `address`, the session counts until `removed`, because it uses
   * memory.
   */
  ended(session: object): void {
    this.#stopCountingStranger(session)
  }

  #stopCountingStranger(session: object): void {
    const opened = this.#clients.get(session)
    if (opened?.isStranger !== true) return
    opened.isStranger = false
    this.#parts.counts.giveBack('unauthenticated', opened.client)
  }

  removed(session: object): void {
    this.loggedIn(session)
    const opened = this.#clients.get(session)
    if (opened !== undefined && this.#clients.delete(session)) this.#parts.counts.giveBack('address', opened.client)
  }

  #clientOf(address: string): string {
    return this.#parts.trustedProxies.hasProxy(address) ? proxy : clientOf(address)
  }
}

function refusalOf({ memoryAllows, descriptorsAreLeft }: Resources, sessions: number): Refusal | undefined {
  if (!memoryAllows(sessions)) return 'memory'
  return descriptorsAreLeft() ? undefined : 'descriptors'
}
