import { hash } from 'node:crypto'
import { type KeyedRate, type MakeRate, ownRates } from '../lib/rates.js'
import type { OnRefused } from '../reached-limits.js'

/** The admin that a caller claims to be, and where the caller is. */
export interface Claim {
  /** Where it comes from: an address, or the network that its owner has all the addresses of. */
  readonly client: string
  /** The admin's name, or what stands in its place. */
  readonly name: string
}

/** For all names together one client may be wrong so many times as often as for one. */
const namesOfClient = 10
/** What the second failure in a minute waits for, in milliseconds; each one after it waits twice as long. */
const firstDelay = 250
const longestDelay = 2_000

/**
 * Counts wrong secrets, in minutes. Guessing at one admin does not keep others at the same address out, which may be that
 * of a proxy; nor that admin, as long as the right secret was shown there not long ago.
 */
export class FailedLogins {
  readonly #ofName: KeyedRate
  readonly #ofClient: KeyedRate
  readonly #refused: OnRefused

  /** `most` is what one client may have for one name in a minute; 0 is any number. */
  constructor(most: number, refused: OnRefused, rates: MakeRate = ownRates) {
    this.#refused = refused
    this.#ofName = rates('failed-logins-name', most, 60)
    this.#ofClient = rates('failed-logins-client', most * namesOfClient, 60)
  }

  /** The seconds to wait for an admin whose secret is known to be right: only where both counts are full. */
  async waitOfKnown({ client, name }: Claim): Promise<number | undefined> {
    const wait = await this.#ofClient.wait(client)
    return wait === undefined ? undefined : this.#noting(client, await this.#ofName.wait(keyOf(client, name)))
  }

  /** Counts a failure in advance, so that many at once are not all looked at; tells the seconds to wait instead. */
  async begin({ client, name }: Claim): Promise<number | undefined> {
    // In this order: names are made up at will, and a client that has failed too often shall not fill the memory.
    const wait = (await this.#ofClient.take(client)) ?? (await this.#ofName.take(keyOf(client, name)))
    return this.#noting(client, wait)
  }

  /** It was none after all. */
  async succeeded({ client, name }: Claim): Promise<void> {
    await this.#ofClient.giveBack(client)
    await this.#ofName.giveBack(keyOf(client, name))
  }

  /** It was one; resolves when it may be told, which takes longer from one to the next. */
  async failed({ client, name }: Claim): Promise<void> {
    const count = await this.#ofName.count(keyOf(client, name))
    if (count < 2) return
    const delay = Math.min(longestDelay, firstDelay * 2 ** (count - 2))
    await new Promise(resolve => setTimeout(resolve, delay).unref())
  }

  #noting(client: string, wait: number | undefined): number | undefined {
    if (wait !== undefined) this.#refused('failed-logins', { address: client })
    return wait
  }
}

/** A hash, since some people type their secret where the name belongs. */
const keyOf = (client: string, name: string) => hash('sha256', `${client} ${name}`, 'base64')
