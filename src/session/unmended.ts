import type { Logger } from 'pino'
import type { Clock } from '../lib/clock.js'
import { withULabels } from '../xmpp/jid/domains.js'

/** `late`: after LINK_RESUME_TIME. `refused`: the server does not resume the stream, or refuses the login. */
export type WhyUnmended = 'late' | 'refused'

/** The first line waits this long, because many links may be given up at once. */
const moment = 1_000
const minute = 60_000

interface UnmendedParts {
  readonly clock: Clock
  readonly log: Logger
  /** True if the settings name the domain itself. All other domains share their lines, because users choose them. */
  readonly isNamed: (domain: string) => boolean
}

/** Counts sessions that ended because their links were not mended. Logs each domain's sums, once a minute at most. */
export function unmendedLinks({ clock, log, isNamed }: UnmendedParts): (domain: string, why: WhyUnmended) => void {
  const domains = new Map<string, Record<WhyUnmended, number>>()

  const tell = (domain: string) => {
    const { late, refused } = domains.get(domain)!
    const ended = late + refused
    if (ended === 0) {
      domains.delete(domain)
      return
    }
    domains.set(domain, { late: 0, refused: 0 })
    clock.after(minute, () => tell(domain))
    log.warn({ domain: withULabels(domain), ended, late, refused }, 'links were not mended: their sessions ended')
  }

  return (name, why) => {
    const domain = isNamed(name) ? name : '*'
    let sums = domains.get(domain)
    if (sums === undefined) {
      sums = { late: 0, refused: 0 }
      domains.set(domain, sums)
      clock.after(moment, () => tell(domain))
    }
    sums[why] += 1
  }
}
