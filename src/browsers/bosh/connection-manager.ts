import { randomInt } from 'node:crypto'
import { type Condition, Problem } from '../../lib/errors.js'
import type { Opener } from '../../session/opener.js'
import type { Attach } from '../../session/opening.js'
import { inspect } from '../../session/payload.js'
import type { Session } from '../../session/session.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { type Body, parseBody, readBodyHead, writeSeeOther, writeTerminate } from './body.js'
import { BoshClient } from './bosh-client.js'
import type { BoshParts, Start } from './delivery.js'
import type { Peer, Reply } from './peer.js'
import { defaultContentType, negotiate, type TermLimits } from './terms.js'

export interface ConnectionManagerParts extends Pick<BoshParts, 'cookies' | 'bodies'> {
  /** Opens the sessions, and keeps account of them. */
  readonly opener: Opener
  readonly terms: TermLimits
  /** For clients that do not say which domain they want. */
  readonly defaultDomain: string | undefined
  /** Whether sessions are created over encrypted channels only. */
  readonly requireSecure: boolean
  /** The last rid that counts as used when a page is handed a session; random unless a test has its own. */
  readonly lastRid?: () => number
}

/** A BOSH connection manager of this process. */
export type ConnectionManager = Readonly<ReturnType<typeof createConnectionManager>>

/** Answers BOSH requests: one body in, one body out. */
export function createConnectionManager(parts: ConnectionManagerParts) {
  const { opener, lastRid = () => randomInt(1, 2 ** 47) } = parts
  const { registry, limits, counts, clock } = opener
  const clientParts: BoshParts = { clock, counts, limits, cookies: parts.cookies, bodies: parts.bodies }

  /** A refusal that belongs to no session. */
  function refuse(condition: Condition): Reply {
    counts.failedRequests += 1
    return { status: 200, body: writeTerminate(condition), contentType: defaultContentType }
  }

  /** Opens a session, or says why not. */
  async function open(body: Body, peer: Peer): Promise<BoshClient | Reply | Condition> {
    const { rid, newkey, lang = 'en', from } = body
    if (rid === undefined || Number.isNaN(rid) || body.restart === undefined) return 'bad-request'
    // A service that is being stopped says so rather than send the client elsewhere.
    if (parts.requireSecure && !peer.secure && registry.takesSessions) {
      if (peer.secureUrl === undefined) return 'policy-violation'
      return { status: 200, body: writeSeeOther(peer.secureUrl), contentType: defaultContentType }
    }
    // Without a default an empty domain is as good as none (XEP-0124 §7.1).
    const domain = body.to ? prepareDomain(body.to) : parts.defaultDomain
    const terms = negotiate(body, parts.terms)
    if (typeof terms === 'string') return terms
    // What the session keeps of the request is this, not the request.
    const begin = (session: Session) => {
      const start: Start = { terms, rid, newkey, cookie: undefined, by: 'created' }
      const client = new BoshClient(session, clientParts, start)
      client.address = peer.address
      return client
    }
    return opener.openForClient(domain, { lang, from }, peer, begin)
  }

  /** Has a new session answer the request that creates it. */
  async function create(body: Body, peer: Peer): Promise<void> {
    let session: Session | undefined
    try {
      const payload = inspect(body.payload, opener)
      const opened = payload.fault ?? (await open(body, peer))
      if (opened instanceof BoshClient) {
        session = opened.session
        opened.create(body, payload, peer)
      } else peer.answer(typeof opened === 'string' ? refuse(opened) : opened)
    } catch (error) {
      breakOff(session, error, peer)
    }
  }

  /** A session that fails at a request cannot be relied on any more. */
  function breakOff(session: Session | undefined, error: unknown, peer: Peer): void {
    peer.answer(refuse('internal-server-error'))
    if (session === undefined) opener.report(error)
    else session.collapse(error)
  }

  /** The client with this sid; a session that speaks over another transport is none of ours. */
  function clientOf(sid: string | undefined): BoshClient | undefined {
    const client = sid === undefined ? undefined : registry.bySid(sid)?.client
    return client instanceof BoshClient ? client : undefined
  }

  /** Answers a request of a session that there is not. */
  function refuseUnknown(peer: Peer): void {
    counts.unknownSids += 1
    // It was here a moment ago, as far as its client knows.
    peer.answer(refuse(registry.isStopping ? 'system-shutdown' : 'item-not-found'))
  }

  /**
   * Takes one request, whose reply goes to the peer, now or later; it may create a session unless `isOfSession`. Never throws for
   * what a client or a server did.
   */
  function serve(text: string, peer: Peer, isOfSession = false) {
    let client: BoshClient | undefined
    try {
      const body = parseBody(text)
      if (body.sid === undefined && !isOfSession) return void create(body, peer)
      client = clientOf(body.sid)
      if (client !== undefined) client.handle(body, peer)
      else refuseUnknown(peer)
    } catch (error) {
      if (client === undefined && error instanceof XmlError) peer.answer(refuse('bad-request'))
      else breakOff(client?.session, error, peer)
    }
  }

  return {
    serve,
    refuseUnknown,
    /** Whether there is a session with this sid that speaks BOSH. */
    has: (sid: string | undefined): boolean => clientOf(sid) !== undefined,
    /** Answers a request too large to be read, by its first characters; undefined where it is of no live session. */
    refuseTooLarge(head: string, peer: Pick<Peer, 'secure' | 'cookies'>): Reply | undefined {
      const { sid, rid } = readBodyHead(head)
      const client = clientOf(sid)
      try {
        return client?.handleTooLarge(rid, peer)
      } catch (error) {
        client!.session.collapse(error)
        return refuse('internal-server-error')
      }
    },
    /** Logs what was not foreseen while a request was served. */
    report: opener.report,
    /** Makes the clients of pages that are handed a session. */
    attach: ((session, { wait, hold, ver }, handover) => {
      const terms = negotiate({ wait, hold, ver }, parts.terms)
      // The warm API has judged them before.
      if (typeof terms === 'string') throw new Problem('internal-error', { step: 'bind' })
      return BoshClient.forPage(session, clientParts, terms, handover, lastRid())
    }) satisfies Attach,
  }
}
