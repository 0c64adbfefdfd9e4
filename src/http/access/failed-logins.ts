import { hash } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { type KeyedRate, type MakeRate, ownRates } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'

/** The admin that a caller claims to be, and where the caller is. */
export interface Claim {
  /** Where it comes from: an address, or the network that its owner has all the addresses of. */
  readonly client: string
  /** The admin's name, or what stands in its place. */
  readonly name: string
  /** A text that depends on name, secret and client only, the same in all processes. Undefined if the name is not an admin's. */
  readonly proof?: () => Promise<string | undefined>
}

/** For all names together one client may be wrong so many times as often as for one. */
const namesOfClient = 10
/** What the second failure in a minute waits for, in milliseconds; each one after it waits twice as long. */
const firstDelay = 250
const longestDelay = 2_000

/** In these seconds all clients together may fail for one name as often as a single client at its own limit. */
const nameSeconds = 600
/** How long a client is known after the right secret, in weeks of Unix time: the current one and the last. */
const weekSeconds = 604_800
const knownWeeks = 2
/** How long other processes know that a secret was right, in milliseconds of Unix time; at most twice as long. */
const rightMilliseconds = 1_200_000
/** How often the other processes are told of it, in milliseconds, and how many clients this process remembers. */
const tellingMilliseconds = 600_000
const mostKnown = 1_000

/**
 * Counts wrong secrets, in minutes. Guesses at one admin do not block other admins at the same address, which may be a proxy's.
 * Nor do they block that admin if the right secret was shown there recently. Guesses at one admin from many addresses are limited
 * by the name. This does not block addresses that have shown the right secret for it.
 */
export class FailedLogins {
  readonly #ofName: KeyedRate
  readonly #ofClient: KeyedRate
  readonly #ofNameEverywhere: KeyedRate
  /** Clients that have shown the right secret, with the name. */
  readonly #known: KeyedRate
  /** Proofs of secrets that were right. */
  readonly #right: KeyedRate
  /** Clients known to this process, and when the others were told last, in milliseconds of Unix time. */
  readonly #told = new Map<string, number>()
  readonly #refused: OnRefused
  readonly #mostOfName: number
  /** How many secrets are being checked for a name, and the attempts that wait until there are fewer. */
  readonly #underWay = new Map<string, { count: number; readonly waiting: (() => void)[] }>()

  /** `most` is what one client may have for one name in a minute; 0 is any number. */
  constructor(most: number, refused: OnRefused, rates: MakeRate = ownRates) {
    this.#refused = refused
    this.#ofName = rates('failed-logins-name', most, 60)
    this.#ofClient = rates('failed-logins-client', most * namesOfClient, 60)
    this.#mostOfName = (most * nameSeconds) / 60
    this.#ofNameEverywhere = rates('failed-logins-everywhere', this.#mostOfName, nameSeconds)
    this.#known = rates('known-logins', Math.min(1, most), knownWeeks * weekSeconds)
    this.#right = rates('right-secrets', Math.min(1, most), (2 * rightMilliseconds) / 1000)
  }

  /** The seconds to wait for an admin whose secret is known to be right: only where both counts are full. */
  async waitOfKnown(claim: Claim): Promise<number | undefined> {
    const { client, name } = claim
    await this.#know(claim)
    const wait = await this.#ofClient.wait(client)
    return wait === undefined ? undefined : this.#noting(client, await this.#ofName.wait(keyOf(client, name)))
  }

  /** Counts a failure in advance, so that many at once are not all looked at; tells the seconds to wait instead. */
  async begin(claim: Claim): Promise<number | undefined> {
    const { client, name } = claim
    // In this order: names are made up at will, and a client that has failed too often shall not fill the memory.
    const wait = (await this.#ofClient.take(client)) ?? (await this.#ofName.take(keyOf(client, name)))
    if (wait !== undefined) return this.#noting(client, wait)
    // These count only if they are wrong: many backends may start at the same time, all with the right secret.
    const slot = slotOf(name)
    await this.#enter(slot)
    const waitOfAll = await this.#ofNameEverywhere.wait(slot)
    if (waitOfAll === undefined || (await this.#isKnown(claim))) return undefined
    this.#leave(slot)
    return this.#noting(client, waitOfAll)
  }

  /** Whether another process has found these credentials right recently. */
  async wasRight({ proof }: Claim): Promise<boolean> {
    const proven = await proof?.()
    if (proven === undefined) return false
    const period = Math.floor(Date.now() / rightMilliseconds)
    for (const each of [period, period - 1])
      if ((await this.#right.count(`${proven} ${each}`)) > 0) return true
    return false
  }

  /** It was none after all. */
  async succeeded(claim: Claim): Promise<void> {
    const { client, name } = claim
    await this.#ofClient.giveBack(client)
    await this.#ofName.giveBack(keyOf(client, name))
    this.#leave(slotOf(name))
    await this.#know(claim)
  }

  /** It was one; resolves when it may be told, which takes longer from one to the next. */
  async failed({ client, name }: Claim): Promise<void> {
    const slot = slotOf(name)
    await this.#ofNameEverywhere.take(slot)
    this.#leave(slot)
    const count = await this.#ofName.count(keyOf(client, name))
    if (count < 2) return
    const delay = Math.min(longestDelay, firstDelay * 2 ** (count - 2))
    await new Promise(resolve => setTimeout(resolve, delay).unref())
  }

  /** Resolves once fewer secrets are being checked for the name than may be wrong. */
  async #enter(slot: string): Promise<void> {
    if (this.#mostOfName === 0) return
    const underWay = this.#underWay.get(slot) ?? { count: 0, waiting: [] }
    this.#underWay.set(slot, underWay)
    if (underWay.count < this.#mostOfName) underWay.count += 1
    // The place of an attempt that ends goes to the first that waits.
    else await new Promise<void>(resolve => underWay.waiting.push(resolve))
  }

  #leave(slot: string): void {
    const underWay = this.#underWay.get(slot)
    if (underWay === undefined) return
    const next = underWay.waiting.shift()
    if (next !== undefined) next()
    else if (--underWay.count === 0) this.#underWay.delete(slot)
  }

  /** Remembers a client that has shown the right secret. */
  async #know({ client, name, proof }: Claim): Promise<void> {
    const key = keyOf(client, name)
    const now = Date.now()
    if (now - (this.#told.get(key) ?? 0) < tellingMilliseconds) return
    this.#told.delete(key)
    this.#told.set(key, now)
    forgetOldest(this.#told, mostKnown)
    await this.#known.take(`${key} ${weekOf(now)}`)
    // The first proof takes as long as a hash; no caller waits for it.
    void this.#noteRight(proof, Math.floor(now / rightMilliseconds)).catch(() => {})
  }

  async #noteRight(proof: Claim['proof'], period: number): Promise<void> {
    const proven = await proof?.()
    if (proven !== undefined) await this.#right.take(`${proven} ${period}`)
  }

  async #isKnown({ client, name }: Claim): Promise<boolean> {
    const key = keyOf(client, name)
    if (this.#told.has(key)) return true
    const week = weekOf(Date.now())
    for (let ago = 0; ago < knownWeeks; ago++)
      if ((await this.#known.count(`${key} ${week - ago}`)) > 0) return true
    return false
  }

  #noting(client: string, wait: number | undefined): number | undefined {
    if (wait !== undefined) this.#refused('failed-logins', { address: client })
    return wait
  }
}

/** A hash, since some people type their secret where the name belongs. */
const keyOf = (client: string, name: string) => hash('sha256', `${client} ${name}`, 'base64')

/** One of 4,096 slots for names, so that invented names take little memory. */
const slotOf = (name: string) => hash('sha256', name, 'base64').slice(0, 2)

const weekOf = (milliseconds: number) => Math.floor(milliseconds / 1000 / weekSeconds)
