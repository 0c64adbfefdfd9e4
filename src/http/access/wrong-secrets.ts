import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { KeyedQueue } from '../../lib/limits/keyed-queue.js'
import { type KeyedRate, type MakeRate, type Most, numberOf, ownRates } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { hashOf, type SecretKeys, secretKeys } from '../../lib/secrets/secret-hashes.js'

export interface Claim {
  readonly client: string
  readonly name: string
  /** A hash of client, name and secret, equal in all processes. */
  readonly hash: string
}

/** A client's limit for all names together, as a multiple of its limit for one name. */
const allNamesFactor = 10
/** In milliseconds. The delay doubles with each further failure within a minute. */
const firstDelay = 250
const longestDelay = 2_000

/** Failures for one name, from all clients, are counted over this period. */
const nameSeconds = 600
/** Right secrets are remembered in the current and the previous period of this length. */
const rightMilliseconds = 86_400_000
const addMilliseconds = 600_000
const mostAdded = 1_000
const checksOfClient = 1

/**
 * A name at its limit does not block other admins behind the same proxy. Guesses from elsewhere do not block a client
 * that recently had the right secret.
 */
export class WrongSecrets {
  readonly #ofName: KeyedRate
  readonly #ofClient: KeyedRate
  readonly #ofNameEverywhere: KeyedRate
  readonly #right: KeyedRate
  /** Last additions to `#right`, in Unix milliseconds, by `Claim.hash`. */
  readonly #rightAt = new Map<string, number>()
  readonly #refused: OnRefused
  readonly #mostOfName: () => number
  readonly #keys: SecretKeys
  readonly #underWay = new KeyedQueue(checksOfClient)

  /** `most`: failures per minute for one client and name. 0: no limit. */
  constructor(
    most: Most,
    refused: OnRefused,
    rates: MakeRate = ownRates,
    keys: SecretKeys = secretKeys(() => undefined),
  ) {
    this.#refused = refused
    // Not those of a later reload: a name must leave the queue that it has entered.
    const keysAtStart = keys()
    this.#keys = () => keysAtStart
    this.#ofName = rates('failed-logins-name', most, 60)
    this.#ofClient = rates('failed-logins-client', () => numberOf(most) * allNamesFactor, 60)
    this.#mostOfName = () => (numberOf(most) * nameSeconds) / 60
    this.#ofNameEverywhere = rates('failed-logins-everywhere', this.#mostOfName, nameSeconds)
    this.#right = rates('right-secrets', () => Math.min(1, numberOf(most)), (2 * rightMilliseconds) / 1000)
  }

  /** Notes a right secret. Returns the seconds to wait if the client is at both limits: for the name and in total. */
  async noteKnown(claim: Claim): Promise<number | undefined> {
    const { client, name } = claim
    this.#noteRight(claim)
    const wait = await this.#ofClient.wait(client)
    return wait === undefined ? undefined : this.#noting(client, await this.#ofName.wait(this.#keyOf(client, name)))
  }

  /** Counts a failure in advance. Returns the seconds to wait. */
  async begin(claim: Claim): Promise<number | undefined> {
    const { client, name } = claim
    // First the client, so that a blocked client cannot fill memory with invented names. What is refused for its name
    // counts for the client too: with a remembered secret it would have passed, so it was a guess.
    const wait = (await this.#ofClient.take(client)) ?? (await this.#ofName.take(this.#keyOf(client, name)))
    if (wait !== undefined) return this.#noting(client, wait)
    const slot = this.#slotOf(name)
    // A reload may change this number meanwhile.
    const most = this.#mostOfName()
    if (most > 0) {
      await this.#underWay.take(client)
      await this.#underWay.take(slot, { most })
    }
    const waitOfAll = await this.#ofNameEverywhere.wait(slot)
    if (waitOfAll === undefined) return undefined
    await this.unchecked(claim)
    return this.#noting(client, waitOfAll)
  }

  async wasRight({ hash }: Claim): Promise<boolean> {
    const period = Math.floor(Date.now() / rightMilliseconds)
    for (const each of [period, period - 1]) if ((await this.#right.count(`${hash} ${each}`)) > 0) return true
    return false
  }

  async succeeded(claim: Claim): Promise<void> {
    await this.unchecked(claim)
    this.#noteRight(claim)
  }

  /** Cancels the failure that `begin` counted. */
  async unchecked({ client, name }: Claim): Promise<void> {
    this.#underWay.leave(this.#slotOf(name))
    this.#underWay.leave(client)
    await this.#ofClient.giveBack(client)
    await this.#ofName.giveBack(this.#keyOf(client, name))
  }

  async failed({ client, name }: Claim): Promise<void> {
    const slot = this.#slotOf(name)
    await this.#ofNameEverywhere.take(slot)
    this.#underWay.leave(slot)
    this.#underWay.leave(client)
    const count = await this.#ofName.count(this.#keyOf(client, name))
    if (count < 2) return
    const delay = Math.min(longestDelay, firstDelay * 2 ** (count - 2))
    await new Promise(resolve => setTimeout(resolve, delay).unref())
  }

  /** With a key, because some people type their secret as the name, and the hash may be in Redis. */
  #keyOf(client: string, name: string): string {
    return hashOf(this.#keys, ['failed', client, name])
  }

  /** Names share 4,096 slots, so that invented names take little memory. */
  #slotOf(name: string): string {
    return hashOf(this.#keys, ['failed', name]).slice(0, 2)
  }

  #noteRight({ hash }: Claim): void {
    const now = Date.now()
    // The clock may have been set back.
    if (Math.abs(now - (this.#rightAt.get(hash) ?? 0)) < addMilliseconds) return
    this.#rightAt.delete(hash)
    this.#rightAt.set(hash, now)
    forgetOldest(this.#rightAt, mostAdded)
    // The call need not wait for the store.
    this.#right.take(`${hash} ${Math.floor(now / rightMilliseconds)}`).catch(() => {})
  }

  #noting(client: string, wait: number | undefined): number | undefined {
    if (wait !== undefined) this.#refused('failed-logins', { address: client })
    return wait
  }
}
