import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { clientOf } from '../../lib/client-network.js'
import type { Clock } from '../../lib/clock.js'
import type { Counts } from '../../lib/counts.js'
import type { AddCall, MinuteSums } from '../../lib/limits/minute-sums.js'
import type { KeyedRate, MakeRate } from '../../lib/limits/rates.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { foreignText } from '../../lib/text/foreign-text.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'

interface Client {
  readonly address: string
  readonly domain: string
}

const mostJids = 10
const mostServers = 5

interface Tally {
  readonly address: string
  readonly jids: Set<string>
  readonly servers: Set<string>
  refused: number
  others: number
}

export interface LoginDelaysParts {
  readonly config: Pick<Config, 'rates' | 'limits' | 'trustedProxies'>
  readonly counts: Pick<Counts, 'clientLogins'>
  readonly clock: Clock
  readonly refused: OnRefused
  readonly audit: Logger
  readonly sums: MinuteSums
  readonly makeRate: MakeRate
}

const domainsOfAddress = 3
const firstDelay = 500
const longestDelay = 20_000

/** Delays logins of addresses with many refused logins. Never blocks an address, because users may share it. */
export class LoginDelays {
  readonly clock: Clock
  readonly #parts: LoginDelaysParts
  readonly #rates: readonly { readonly rate: KeyedRate; readonly factor: number; readonly keyOf: KeyOf }[]
  readonly #addRefused: AddCall<Tally>

  constructor(parts: LoginDelaysParts) {
    const { config, makeRate, clock, audit, sums } = parts
    const most = () => config.rates.loginsPerAddress
    const ofAddress = makeRate('logins-address', () => most() * domainsOfAddress, 60)
    const ofDomain = makeRate('logins-domain', most, 60)
    this.clock = clock
    this.#parts = parts
    this.#rates = [
      { rate: ofAddress, factor: domainsOfAddress, keyOf: ({ address }) => clientOf(address) },
      { rate: ofDomain, factor: 1, keyOf: ({ address, domain }) => `${clientOf(address)} ${domain}` },
    ]
    this.#addRefused = sums.of<Tally>(tally => audit.info(lineOf(tally), 'client login'))
  }

  isLimited({ address }: Client): boolean {
    const { rates, trustedProxies } = this.#parts.config
    return rates.loginsPerAddress > 0 && !trustedProxies.hasProxy(address)
  }

  /**
   * Returns the delay in milliseconds. Counts the login as refused: call `takenBack` if the server does not refuse the
   * login.
   */
  async begun(client: Client): Promise<number> {
    const { config, counts } = this.#parts
    const { rates, limits } = config
    const over = await Promise.all(
      this.#rates.map(async ({ rate, factor, keyOf }) => {
        const key = keyOf(client)
        const isOver = (await rate.take(key)) !== undefined
        return isOver ? (await rate.count(key)) - factor * rates.loginsPerAddress : 0
      }),
    )
    const most = Math.max(...over)
    if (most <= 0) return 0
    counts.clientLogins.delayed += 1
    this.#parts.refused('logins-address', { address: client.address })
    const longest = Math.min(longestDelay, limits.loginTimeout * 500 || longestDelay)
    return Math.min(longest, firstDelay * 2 ** (most - 1))
  }

  async takenBack(client: Client): Promise<void> {
    await Promise.all(this.#rates.map(({ rate, keyOf }) => rate.giveBack(keyOf(client))))
  }

  /**
   * The first refused login of an address is logged at once, and the sum of later refused logins each minute. `server`:
   * host and port.
   */
  refused({ address, domain }: Client, user: string | undefined, server: string | undefined): void {
    this.#parts.counts.clientLogins.refused += 1
    const jid = copyOf(foreignText(user === undefined ? domain : jidOf(user, domain)))
    this.#addRefused(
      clientOf(address),
      (tally = { address, jids: new Set(), servers: new Set(), refused: 0, others: 0 }) => {
        tally.refused += 1
        if (tally.jids.size >= mostJids && !tally.jids.has(jid)) {
          tally.others += 1
          return tally
        }
        tally.jids.add(jid)
        // The line's readers, admins of the listed JIDs' domains, may know only these JIDs' servers.
        if (server !== undefined && tally.servers.size < mostServers) tally.servers.add(foreignText(server))
        return tally
      },
    )
  }
}

function lineOf({ address, jids, servers, refused, others }: Tally) {
  const about = { code: 'not-authorized', address: foreignText(address), refused, others: others || undefined }
  return { ...about, jids: [...jids], servers: [...servers] }
}

type KeyOf = (client: Client) => string

/** Escapes `@`, because a stranger may choose a name with another domain (XEP-0106). */
function jidOf(user: string, domain: string): string {
  return user.endsWith(`@${domain}`) ? user : `${user.replaceAll('@', String.raw`\40`)}@${domain}`
}
