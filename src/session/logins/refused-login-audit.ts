import type { Logger } from 'pino'
import { clientOf } from '../../lib/client-network.js'
import type { AddCall, MinuteSums } from '../../lib/limits/minute-sums.js'
import { foreignText } from '../../lib/text/foreign-text.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'

export interface RefusedLogin {
  readonly address: string
  readonly domain: string
  readonly user: string | undefined
  /** Host and port. */
  readonly server: string | undefined
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

/** Logs the first refused login of an address at once, and the sum of later refused logins each minute. */
export class RefusedLoginAudit {
  readonly #log: Logger
  readonly #add: AddCall<Tally>

  constructor(log: Logger, sums: MinuteSums) {
    this.#log = log
    this.#add = sums.of<Tally>(tally => this.#write(tally))
  }

  refused({ address, domain, user, server }: RefusedLogin): void {
    const jid = copyOf(foreignText(user === undefined ? domain : jidOf(user, domain)))
    this.#add(clientOf(address), (tally = { address, jids: new Set(), servers: new Set(), refused: 0, others: 0 }) => {
      tally.refused += 1
      if (tally.jids.size >= mostJids && !tally.jids.has(jid)) {
        tally.others += 1
        return tally
      }
      tally.jids.add(jid)
      // The line's readers, admins of the listed JIDs' domains, may know only these JIDs' servers.
      if (server !== undefined && tally.servers.size < mostServers) tally.servers.add(foreignText(server))
      return tally
    })
  }

  #write({ address, jids, servers, refused, others }: Tally): void {
    const line = {
      code: 'not-authorized',
      address: foreignText(address),
      jids: [...jids],
      servers: [...servers],
      refused,
    }
    this.#log.info(others === 0 ? line : { ...line, others }, 'client login')
  }
}

/** Escapes `@`, because a stranger may choose a name with another domain (XEP-0106). */
function jidOf(user: string, domain: string): string {
  return user.endsWith(`@${domain}`) ? user : `${user.replaceAll('@', String.raw`\40`)}@${domain}`
}
