import type { Logger } from 'pino'
import { clientOf } from '../../lib/client-network.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { foreignText } from '../../lib/text/foreign-text.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'

export interface RefusedLogin {
  readonly address: string
  readonly domain: string
  /** As the client sent it: a user or a JID. */
  readonly user: string | undefined
}

/** Time between two lines about one address, in milliseconds. */
const interval = 60_000
const mostJids = 10
const mostAddresses = 10_000

/** Refused logins of one address or IPv6 network since its last line. */
interface Tally {
  readonly address: string
  readonly jids: Set<string>
  refused: number
  /** Without a named JID. */
  others: number
  timer: Timer
}

/** Logs refused logins: the first of an address at once, then one line a minute. */
export class LoginAudit {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #tallies = new Map<string, Tally>()

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  refused({ address, domain, user }: RefusedLogin): void {
    const client = clientOf(address)
    const known = this.#tallies.get(client)
    const tally = known ?? this.#begin(client, address)
    tally.refused += 1
    const jid = copyOf(foreignText(user?.includes('@') ? user : user === undefined ? domain : `${user}@${domain}`))
    if (tally.jids.size < mostJids || tally.jids.has(jid)) tally.jids.add(jid)
    else tally.others += 1
    if (known === undefined) this.#write(tally)
  }

  /** Writes the lines that are due. */
  close(): void {
    for (const client of this.#tallies.keys()) this.#forget(client)
  }

  #begin(client: string, address: string): Tally {
    if (this.#tallies.size >= mostAddresses) this.#forget(this.#tallies.keys().next().value!)
    const tally: Tally = { address, jids: new Set(), refused: 0, others: 0, timer: this.#later(client) }
    this.#tallies.set(client, tally)
    return tally
  }

  #later(client: string): Timer {
    return this.#clock.after(interval, () => {
      const tally = this.#tallies.get(client)!
      if (tally.refused === 0) this.#tallies.delete(client)
      else {
        this.#write(tally)
        tally.timer = this.#later(client)
      }
    })
  }

  #forget(client: string): void {
    const tally = this.#tallies.get(client)!
    tally.timer.cancel()
    this.#tallies.delete(client)
    if (tally.refused > 0) this.#write(tally)
  }

  #write(tally: Tally): void {
    const { address, jids, refused, others } = tally
    const line = { code: 'not-authorized', address: foreignText(address), jids: [...jids], refused }
    this.#log.info(others === 0 ? line : { ...line, others }, 'client login')
    tally.jids.clear()
    tally.refused = 0
    tally.others = 0
  }
}
