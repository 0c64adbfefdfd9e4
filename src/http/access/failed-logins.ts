import { hash } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { type KeyedRate, type MakeRate, type Most, numberOf, ownRates } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import type { MemoryKey } from '../../lib/limits/short-memory.js'

export interface Claim {
  readonly client: string
  readonly name: string
  /** A slow hash of the claim, equal at all processes. */
  readonly proof?: () => Promise<string>
  /** A hash of client, name and secret. Differs between processes. */
  readonly key?: MemoryKey
}

/** The limit for all names together, as a multiple of one name's limit. */
const namesOfClient = 10
/** Doubles with each further failure in a minute. */
const firstDelay = 250
const longestDelay = 2_000

/** Guesses of all clients for a name count together for this time. */
const nameSeconds = 600
/** Clients that had the right secret are known this week and the next. */
const weekSeconds = 604_800
const knownWeeks = 2
/** Right secrets are remembered for one to two times this time. */
const rightMilliseconds = 1_200_000
const reportMilliseconds = 600_000
const mostKnown = 1_000

/** Failures do not block other admins behind the same proxy, or clients that recently had the right secret. */
export class FailedLogins {
  readonly #ofName: KeyedRate
  readonly #ofClient: KeyedRate
  readonly #ofNameEverywhere: KeyedRate
  readonly #known: KeyedRate
  readonly #right: KeyedRate
  /** Hashed clients, and when they were reported, in milliseconds of Unix time. */
  readonly #told = new Map<string, number>()
  /** Right secrets, and when they were noted: a name has two while its secret is rotated. */
  readonly #noted = new Map<string, number>()
  readonly #refused: OnRefused
  readonly #mostOfName: () => number
  readonly #underWay = new Map<string, { count: number; readonly waiting: (() => void)[] }>()

  /** `most`: failures a minute for one client and name. 0 means no limit. */
  constructor(most: Most, refused: OnRefused, rates: MakeRate = ownRates) {
    this.#refused = refused
    this.#ofName = rates('failed-logins-name', most, 60)
    this.#ofClient = rates('failed-logins-client', () => numberOf(most) * namesOfClient, 60)
    this.#mostOfName = () => (numberOf(most) * nameSeconds) / 60
    this.#ofNameEverywhere = rates('failed-logins-everywhere', this.#mostOfName, nameSeconds)
    this.#known = rates('known-logins', () => Math.min(1, numberOf(most)), knownWeeks * weekSeconds)
    this.#right = rates('right-secrets', () => Math.min(1, numberOf(most)), (2 * rightMilliseconds) / 1000)
  }

  get known(): readonly (readonly [key: string, published: number])[] {
    return [...this.#told]
  }

  learn(known: FailedLogins['known']): void {
    for (const [key, published] of known) {
      if (!this.#told.has(key)) this.#told.set(key, published)
      forgetOldest(this.#told, mostKnown)
    }
  }

  /** In seconds. */
  async waitOfKnown(claim: Claim): Promise<number | undefined> {
    const { client, name } = claim
    await this.#know(claim)
    const wait = await this.#ofClient.wait(client)
    return wait === undefined ? undefined : this.#noting(client, await this.#ofName.wait(keyOf(client, name)))
  }

  /** Counts a failure in advance. Returns the seconds to wait. */
  async begin(claim: Claim): Promise<number | undefined> {
    const { client, name } = claim
    // The client comes first, so that a blocked client cannot fill memory with invented names.
    const wait = (await this.#ofClient.take(client)) ?? (await this.#ofName.take(keyOf(client, name)))
    if (wait !== undefined) return this.#noting(client, wait)
    // One check at a time for each client.
    await this.#enter(client, 1)
    const slot = slotOf(name)
    await this.#enter(slot, this.#mostOfName())
    const waitOfAll = await this.#ofNameEverywhere.wait(slot)
    if (waitOfAll === undefined || (await this.#isKnown(claim))) return undefined
    await this.unchecked(claim)
    return this.#noting(client, waitOfAll)
  }

  async wasRight({ proof }: Claim): Promise<boolean> {
    const proven = await proof?.()
    if (proven === undefined) return false
    const period = Math.floor(Date.now() / rightMilliseconds)
    for (const each of [period, period - 1]) if ((await this.#right.count(`${proven} ${each}`)) > 0) return true
    return false
  }

  async succeeded(claim: Claim): Promise<void> {
    await this.unchecked(claim)
    await this.#know(claim)
  }

  async unchecked({ client, name }: Claim): Promise<void> {
    this.#leave(slotOf(name))
    this.#leave(client)
    await this.#ofClient.giveBack(client)
    await this.#ofName.giveBack(keyOf(client, name))
  }

  async failed({ client, name }: Claim): Promise<void> {
    const slot = slotOf(name)
    await this.#ofNameEverywhere.take(slot)
    this.#leave(slot)
    this.#leave(client)
    const count = await this.#ofName.count(keyOf(client, name))
    if (count < 2) return
    const delay = Math.min(longestDelay, firstDelay * 2 ** (count - 2))
    await new Promise(resolve => setTimeout(resolve, delay).unref())
  }

  async #enter(key: string, most: number): Promise<void> {
    if (this.#mostOfName() === 0) return
    const underWay = this.#underWay.get(key) ?? { count: 0, waiting: [] }
    this.#underWay.set(key, underWay)
    if (underWay.count < most) underWay.count += 1
    // `#leave` passes the place to the next check.
    else await new Promise<void>(resolve => underWay.waiting.push(resolve))
  }

  #leave(key: string): void {
    const underWay = this.#underWay.get(key)
    if (underWay === undefined) return
    const next = underWay.waiting.shift()
    if (next !== undefined) next()
    else if (--underWay.count === 0) this.#underWay.delete(key)
  }

  async #know({ client, name, proof, key: secretKey }: Claim): Promise<void> {
    const key = keyOf(client, name)
    const now = Date.now()
    // `#noteRight` is not awaited, because the first proof is slow.
    if (isDue(this.#noted, secretKey ?? key, now))
      void this.#noteRight(proof, Math.floor(now / rightMilliseconds)).catch(() => {})
    if (isDue(this.#told, key, now)) await this.#known.take(`${key} ${weekOf(now)}`)
  }

  async #noteRight(proof: Claim['proof'], period: number): Promise<void> {
    const proven = await proof?.()
    if (proven !== undefined) await this.#right.take(`${proven} ${period}`)
  }

  async #isKnown({ client, name }: Claim): Promise<boolean> {
    const key = keyOf(client, name)
    if (this.#told.has(key)) return true
    const week = weekOf(Date.now())
    for (let ago = 0; ago < knownWeeks; ago++) if ((await this.#known.count(`${key} ${week - ago}`)) > 0) return true
    return false
  }

  #noting(client: string, wait: number | undefined): number | undefined {
    if (wait !== undefined) this.#refused('failed-logins', { address: client })
    return wait
  }
}

function isDue(reported: Map<string, number>, key: string, now: number): boolean {
  if (now - (reported.get(key) ?? 0) < reportMilliseconds) return false
  reported.delete(key)
  reported.set(key, now)
  forgetOldest(reported, mostKnown)
  return true
}

/** The text is hashed, because some people type their secret as the name. */
const keyOf = (client: string, name: string) => hash('sha256', `${client} ${name}`, 'base64')

/** Names share 4,096 slots, so that invented names take little memory. */
const slotOf = (name: string) => hash('sha256', name, 'base64').slice(0, 2)

const weekOf = (milliseconds: number) => Math.floor(milliseconds / 1000 / weekSeconds)
