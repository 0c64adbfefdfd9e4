import type { Config } from '../../config/config.js'
import type { Condition } from '../../lib/errors.js'
import type { SessionTerms } from '../../xmpp/handed-out.js'
import { attribute } from '../../xmpp/xml/escape.js'
import type { Body } from './body.js'

/** Limits that the operator sets on every session. */
export type TermLimits = Omit<
  Config['bosh'],
  'enabled' | 'defaultDomain' | 'assumeSecure' | 'requireSecure' | 'getText' | 'attachBinding'
>

/** What was agreed when the session was created (XEP-0124 §7). Durations in seconds. */
export type Terms = Readonly<Exclude<ReturnType<typeof negotiate>, Condition>>

/** What a client asks for. */
export type TermWish = Partial<Pick<Body, 'wait' | 'hold' | 'ver' | 'content' | 'ack'>>

const ourVersion = [1, 11] as const
/** Without `text/html`: a reply has in it what others wrote, and no browser is to take it for a page. */
const contentTypes = new Set(['text/xml', 'application/xml', 'text/plain'])
export const defaultContentType = 'text/xml; charset=utf-8'

/** Agrees on what a creation request asks for, or says with which condition it is refused. */
export function negotiate(body: TermWish, limits: TermLimits) {
  const { wait = Math.min(60, limits.maxWait), hold = limits.defaultHold } = body
  const ver = commonVersion(body.ver)
  const contentType = negotiateContentType(body.content)
  // NaN where one of them is.
  if (Number.isNaN(wait + hold + (body.ack ?? 0)) || ver === undefined || contentType === undefined)
    return 'bad-request'
  const agreedWait = Math.min(wait, limits.maxWait)
  const agreedHold = Math.min(hold, limits.maxRequests - 1)
  const isPolling = agreedWait === 0 || agreedHold === 0
  // Written out: V8 gives each object that begins with a spread a shape of its own, 370 bytes for each session.
  return {
    wait: agreedWait,
    hold: agreedHold,
    /** Nothing is held: every request is answered at once (XEP-0124 §12). */
    isPolling,
    requests: agreedHold + 1,
    // A polling session is silent by design; it needs more than one interval of patience (XEP-0124 §12).
    inactivity: limits.inactivity + (isPolling ? 2 * limits.polling : 0),
    polling: limits.polling,
    maxPause: limits.maxPause,
    enforcePolling: limits.enforcePolling,
    /** Whether both sides say what they have received (XEP-0124 §9). */
    acks: limits.acks && body.ack === 1,
    ver,
    /** A client of the first protocol version is told some errors by HTTP status (XEP-0124 §17.1). */
    legacy: body.ver === undefined,
    contentType,
  }
}

/** The attributes that announce the terms; they belong to the first reply only (XEP-0124 §7.2). */
export function announce(sid: string, rid: number, terms: Terms): string {
  const said = Object.entries({ ...announced(sid, terms), ack: terms.acks ? rid : undefined })
  return said.map(([name, value]) => attribute(name, value)).join('')
}

/** The same for a page that is told by its backend. */
export function announced(sid: string, { wait, hold, requests, inactivity, polling, maxPause, ver }: Terms) {
  const maxpause = maxPause > 0 ? maxPause : undefined
  return { sid, wait, hold, requests, inactivity, polling, maxpause, ver } satisfies SessionTerms
}

/** The lower of the two versions, each a pair of integers: 1.10 is newer than 1.6. */
function commonVersion(theirs: string | undefined): string | undefined {
  if (theirs === undefined) return ourVersion.join('.')
  const parts = /^(\d{1,5})\.(\d{1,5})$/.exec(theirs)
  if (parts === null) return undefined
  const [major, minor] = [Number(parts[1]), Number(parts[2])]
  const older = major < ourVersion[0] || (major === ourVersion[0] && minor < ourVersion[1])
  return older ? `${major}.${minor}` : ourVersion.join('.')
}

function negotiateContentType(content: string | undefined): string | undefined {
  if (content === undefined) return defaultContentType
  const parts = /^([a-z]+\/[a-z]+)\s*(?:;\s*charset\s*=\s*"?(utf-?8)"?\s*)?$/i.exec(content)
  if (parts === null || !contentTypes.has(parts[1]!.toLowerCase())) return undefined
  const contentType = `${parts[1]!.toLowerCase()}; charset=utf-8`
  // The usual one is kept once, not for each session.
  return contentType === defaultContentType ? defaultContentType : contentType
}
