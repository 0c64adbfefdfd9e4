import type { Config } from '../../config/config.js'
import type { Condition } from '../../lib/errors.js'
import { defaultHold, type SessionTerms } from '../../xmpp/page-binding.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Body } from './body.js'

export type TermLimits = Pick<Config['bosh'], 'maxWait' | 'maxRequests' | 'inactivity' | 'enforcePolling'>

export type Terms = Readonly<Exclude<ReturnType<typeof negotiateTerms>, Condition>>

type TermWish = Partial<Pick<Body, 'wait' | 'hold' | 'ver' | 'content' | 'ack'>>

const ourVersion = [1, 11] as const
/** Not `text/html`, which browsers would show as a page. */
const contentTypes = /^\s*(text\/xml|application\/xml|text\/plain)(?![\w/+.-])/i
/** Shortest time between two empty requests of a polling client. */
const pollingSeconds = 5
export const maxPause = 300
export const defaultContentType = 'text/xml; charset=utf-8'

export function negotiateTerms(body: TermWish, limits: TermLimits) {
  const { wait = Math.min(60, limits.maxWait), hold = defaultHold } = body
  const ver = commonVersion(body.ver)
  const contentType = negotiateContentType(body.content)
  if (Number.isNaN(wait + hold + (body.ack ?? 0)) || ver === undefined) return 'bad-request'
  const agreedWait = Math.min(wait, limits.maxWait)
  const agreedHold = Math.min(hold, limits.maxRequests - 1)
  const isPolling = agreedWait === 0 || agreedHold === 0
  // The spread syntax would cost 370 bytes a session, because V8 would make a shape for each object.
  return {
    wait: agreedWait,
    hold: agreedHold,
    /** XEP-0124 §12. */
    isPolling,
    requests: agreedHold + 1,
    inactivity: limits.inactivity + (isPolling ? 2 * pollingSeconds : 0),
    polling: pollingSeconds,
    enforcePolling: limits.enforcePolling,
    /** XEP-0124 §9. */
    acks: body.ack === 1,
    ver,
    /** Clients without `ver` get some errors as HTTP statuses (XEP-0124 §17.1). */
    legacy: body.ver === undefined,
    contentType,
  }
}

/** Requests expire this much later, at the registry's next sweep. */
const sweepSeconds = 0.25

/** `wait` is shortened, because a proxy may have started the same timeout earlier, and never exceeded. */
export function heldUntil({ wait }: Pick<Terms, 'wait'>, since: number): number {
  return since + Math.max(0, Math.min(wait - sweepSeconds, Math.max(1, wait * 0.9))) * 1000
}

/** Attributes of the first reply (XEP-0124 §7.2). */
export function termAttributes(sid: string, rid: number, terms: Terms): string {
  const said = Object.entries({ ...sessionTerms(sid, terms), ack: terms.acks ? rid : undefined })
  return said.map(([name, value]) => attribute(name, value)).join('')
}

export function sessionTerms(sid: string, { wait, hold, requests, inactivity, polling, ver }: Terms) {
  return { sid, wait, hold, requests, inactivity, polling, maxpause: maxPause, ver } satisfies SessionTerms
}

function commonVersion(theirs: string | undefined): string | undefined {
  if (theirs === undefined) return ourVersion.join('.')
  const parts = /^(\d{1,5})\.(\d{1,5})$/.exec(theirs)
  if (parts === null) return undefined
  const [major, minor] = [Number(parts[1]), Number(parts[2])]
  const older = major < ourVersion[0] || (major === ourVersion[0] && minor < ourVersion[1])
  return older ? `${major}.${minor}` : ourVersion.join('.')
}

/** Ignores what is no known type, because old clients write it without a semicolon, or with another charset. */
function negotiateContentType(content = ''): string {
  const known = contentTypes.exec(content)?.[1]?.toLowerCase()
  // Returns the constant, so that no new string is kept in memory for each session.
  return known === undefined || known === 'text/xml' ? defaultContentType : `${known}; charset=utf-8`
}
