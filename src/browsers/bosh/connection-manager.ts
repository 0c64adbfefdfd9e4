import { randomInt } from 'node:crypto'
import type { Config } from '../../config/config.js'
import { type Condition, Problem } from '../../lib/errors.js'
import type { NoteRefusal } from '../../lib/limits/refusal-log.js'
import { type AwayRecord, awayClient } from '../../session/client.js'
import type { Opener } from '../../session/opener.js'
import type { MakePageClient } from '../../session/opening.js'
import { inspect } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { sentences } from '../../xmpp/stream-errors.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { type Body, parseBody, readBodyHead, writeRefusal, writeSeeOther, writeTerminate } from './body.js'
import { BoshClient, type BoshRecord } from './bosh-client.js'
import type { BoshParts, NextPageRecord, Start } from './delivery.js'
import { noAnswer, type Peer, type Reply } from './peer.js'
import { defaultContentType, negotiateTerms } from './terms.js'

interface ConnectionManagerParts extends BoshParts {
  readonly config: Pick<Config, 'bosh' | 'requireSecure'>
  readonly opener: Opener
  readonly noteRefusal: NoteRefusal
  readonly lastRid?: () => number
}

const wrongAttribute =
  'An attribute or stanza is wrong (XEP-0124): rid, wait, hold and ack are numbers, ver is like 1.6.'

const withoutDomain =
  'The attribute `to` is missing: name the domain of an XMPP server. Or an operator can set BOSH_DEFAULT_DOMAIN.'

export type ConnectionManager = Readonly<ReturnType<typeof createConnectionManager>>

export function createConnectionManager(parts: ConnectionManagerParts) {
  const { common, lastRid = () => randomInt(1, 2 ** 47) } = parts
  const { registry, counts } = common
  const { create, refuse, refuseToCreate, breakOff } = creationRequests(parts)

  function clientBySid(sid: string | undefined): BoshClient | undefined {
    const client = sid === undefined ? undefined : registry.bySid(sid)?.client
    return client instanceof BoshClient ? client : undefined
  }

  function refuseUnknown(peer: Peer): void {
    counts.unknownSids += 1
    const { phase } = registry
    // The client repeats its request, and the next process may know the session.
    if (phase.movesSessions) peer.answer(noAnswer)
    else peer.answer(refuse(phase.has('ending') ? 'system-shutdown' : 'item-not-found'))
  }

  function serve(text: string, peer: Peer, isOfSession = false) {
    let client: BoshClient | undefined
    try {
      const body = parseBody(text)
      if (body.sid === undefined && !isOfSession) return void create(body, peer)
      client = clientBySid(body.sid)
      if (client !== undefined) client.handle(body, peer)
      else refuseUnknown(peer)
    } catch (error) {
      if (client === undefined && error instanceof XmlError)
        peer.answer(refuseToCreate('bad-request', peer, `The request is no BOSH body: ${error.message}.`))
      else breakOff(client?.session, error, peer)
    }
  }

  return {
    serve,
    refuseUnknown,
    has: (sid: string | undefined): boolean => clientBySid(sid) !== undefined,
    refuseTooLarge(head: string, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined {
      const { sid, rid } = readBodyHead(head)
      const client = clientBySid(sid)
      try {
        return client?.handleTooLarge(rid, peer)
      } catch (error) {
        client!.session.fail(error)
        return refuse('internal-server-error')
      }
    },
    takeUp(session: Session, before: unknown) {
      const record = before as BoshRecord | AwayRecord
      if (!('isAway' in record)) return BoshClient.takeUp(session, parts, record)
      return awayClient(BoshClient.next(session, parts, record.next as NextPageRecord))
    },
    makePageClient: ((session, { wait, hold, ver }, handover) => {
      const terms = negotiateTerms({ wait, hold, ver }, parts.config.bosh)
      if (typeof terms === 'string') throw new Problem('internal-error', { step: 'bind' })
      return BoshClient.forPage(session, parts, terms, handover, lastRid())
    }) satisfies MakePageClient,
  }
}

export function heldRequests(sessions: Iterable<Pick<Session, 'client'>>) {
  let heldRequests = 0
  let heldSince: number | undefined
  for (const { client } of sessions) {
    const held = client instanceof BoshClient ? client.held : []
    heldRequests += held.length
    for (const { since } of held) heldSince = Math.min(heldSince ?? since, since)
  }
  return { heldRequests, heldSince }
}

/** Requests that create a session (XEP-0124 §7.1). */
function creationRequests(parts: ConnectionManagerParts) {
  const { config, opener, common } = parts
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
    if (config.requireSecure && !peer.secure && registry.takesSessions) {
      if (peer.secureUrl === undefined)
        return refuseToCreate('policy-violation', peer, 'This service needs https.', 'REQUIRE_SECURE')
      return { status: 200, body: writeSeeOther(peer.secureUrl), contentType: defaultContentType }
    }
    // XEP-0124 §7.1.
    const domain = body.to ? prepareDomain(body.to) : config.bosh.defaultDomain
    const terms = negotiateTerms(body, config.bosh)
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
    if (opened !== 'improper-addressing' || body.to) return refuseToCreate(opened, peer)
    return refuseToCreate(opened, peer, withoutDomain, 'BOSH_DEFAULT_DOMAIN')
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
