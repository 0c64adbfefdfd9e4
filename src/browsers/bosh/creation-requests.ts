import type { Condition } from '../../lib/errors.js'
import type { NoteRefusal } from '../../lib/limits/refusal-log.js'
import type { Opener } from '../../session/opener.js'
import { inspect } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { sentences } from '../../xmpp/stream-errors.js'
import { type Body, writeRefusal, writeSeeOther, writeTerminate } from './body.js'
import { BoshClient } from './bosh-client.js'
import type { BoshParts, Start } from './delivery.js'
import type { Peer, Reply } from './peer.js'
import { defaultContentType, negotiateTerms, type TermLimits } from './terms.js'

export interface CreationParts extends BoshParts {
  readonly opener: Opener
  readonly terms: TermLimits
  readonly defaultDomain: string | undefined
  readonly requireSecure: boolean
  readonly noteRefusal: NoteRefusal
}

const wrongAttribute =
  'An attribute or stanza is wrong (XEP-0124): rid, wait, hold and ack are numbers, ver is like 1.6.'

const withoutDomain =
  'The attribute `to` is missing: name the domain of an XMPP server. Or an operator can set BOSH_DEFAULT_DOMAIN.'

/** Requests that create a session (XEP-0124 §7.1). */
export function creationRequests(parts: CreationParts) {
  const { opener, common } = parts
  const { registry, counts, log } = common

  function refuseToCreate(
    condition: Condition,
    { address }: Pick<Peer, 'address'>,
    sentence = condition === 'bad-request' ? wrongAttribute : sentences[condition],
    setting?: string,
  ): Reply {
    if (sentence !== undefined) parts.noteRefusal(condition, address, setting)
    return refuse(condition, sentence)
  }

  function refuse(condition: Condition, sentence?: string): Reply {
    counts.failedRequests += 1
    const body = sentence === undefined ? writeTerminate(condition) : writeRefusal(condition, sentence)
    return { status: 200, body, contentType: defaultContentType }
  }

  async function open(body: Body, peer: Peer): Promise<BoshClient | Reply> {
    const { rid, newkey, lang = 'en', from } = body
    if (rid === undefined || Number.isNaN(rid) || body.restart === undefined) return refuseToCreate('bad-request', peer)
    // A stopping or draining service skips this check, because `openForClient` returns `system-shutdown`.
    if (parts.requireSecure && !peer.secure && registry.takesSessions) {
      if (peer.secureUrl === undefined)
        return refuseToCreate('policy-violation', peer, 'This service needs https.', 'REQUIRE_SECURE')
      return { status: 200, body: writeSeeOther(peer.secureUrl), contentType: defaultContentType }
    }
    // XEP-0124 §7.1.
    const domain = body.to ? prepareDomain(body.to) : parts.defaultDomain
    const terms = negotiateTerms(body, parts.terms)
    if (typeof terms === 'string') return refuseToCreate(terms, peer)
    // This closure must not use `body`, which would keep the whole request in memory.
    const begin = (session: Session) => {
      const start: Start = { terms, rid, newkey, cookie: undefined, by: 'created' }
      const client = new BoshClient(session, parts, start)
      client.address = peer.address
      return client
    }
    const opened = await opener.openForClient(domain, { lang, from }, peer, begin)
    if (typeof opened !== 'string') return opened
    const isMissing = opened === 'improper-addressing' && !body.to
    return refuseToCreate(opened, peer, ...(isMissing ? ([withoutDomain, 'BOSH_DEFAULT_DOMAIN'] as const) : []))
  }

  async function create(body: Body, peer: Peer): Promise<void> {
    let session: Session | undefined
    try {
      const payload = inspect(body.payload, common)
      const opened = payload.fault === undefined ? await open(body, peer) : refuseToCreate(payload.fault, peer)
      if (opened instanceof BoshClient) {
        session = opened.session
        opened.create(body, payload, peer)
      } else peer.answer(opened)
    } catch (error) {
      breakOff(session, error, peer)
    }
  }

  function breakOff(session: Session | undefined, error: unknown, peer: Peer): void {
    peer.answer(refuse('internal-server-error'))
    if (session === undefined) log.report(error)
    else session.fail(error)
  }

  return { create, refuse, refuseToCreate, breakOff }
}
