import type { Logger } from 'pino'
import type { MinuteSums } from '../lib/limits/minute-sums.js'
import { withULabels } from '../xmpp/jid/domains.js'

/** `late`: after LINK_RESUME_TIME. `refused`: the server does not resume the stream, or refuses the login. */
export type WhyUnmended = 'late' | 'refused'

/** The first line waits this long, because many links may be given up at once. */
const moment = 1_000

interface UnmendedParts {
  readonly sums: MinuteSums
  readonly log: Logger
  /** True if the settings name the domain itself. All other domains share their lines, because users choose them. */
  readonly isNamed: (domain: string) => boolean
}

/** Counts sessions that ended because their links were not mended. */
export function unmendedLinks({ sums, log, isNamed }: UnmendedParts): (domain: string, why: WhyUnmended) => void {
  const often = sums.of<Record<WhyUnmended, number> & { readonly domain: string }>(({ domain, late, refused }) => {
    const about = { domain: withULabels(domain), ended: late + refused, late, refused }
    log.warn(about, 'links were not mended: their sessions ended')
  }, moment)
  return (name, why) => {
    const domain = isNamed(name) ? name : '*'
    often(domain, (sum = { domain, late: 0, refused: 0 }) => ({ ...sum, [why]: sum[why] + 1 }))
  }
}
