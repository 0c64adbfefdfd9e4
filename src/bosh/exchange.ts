import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { LinkEvents, LinkHandle } from '../c2s/link.js'
import type { StreamOptions } from '../c2s/stream-header.js'
import type { Clock } from '../clock.js'
import { allowsDomain, prepareDomain } from '../config/domains.js'
import type { Condition, ProblemCode } from '../errors.js'
import type { Exchange, Peer, Reply } from '../exchange.js'
import { newSid } from '../sid.js'
import { XmlError } from '../xml/xml-error.js'
import { type Body, NotABody, parseBody, writeSeeOther, writeTerminate } from './body.js'
import type { OutboxLimits } from './outbox.js'
import type { Registry } from './registry.js'
import { Session } from './session.js'
import { defaultContentType, negotiate, type TermLimits } from './terms.js'

export interface ExchangeParts {
  readonly registry: Registry
  /** Patterns of the domains that may be contacted. */
  readonly domains: readonly string[]
  /** Patterns of the domains that once were. */
  readonly retiredDomains: readonly string[]
  readonly terms: TermLimits
  /** Whether sessions are created over encrypted channels only. */
  readonly requireSecure: boolean
  /** Where they can be, if that is known. */
  readonly secureUrl: string | undefined
  readonly outboxLimits: OutboxLimits
  /** Opens a link to a domain's XMPP server. */
  readonly connect: (domain: string, options: StreamOptions, events: LinkEvents) => LinkHandle
  readonly clock: Clock
  readonly log: Logger
}

/** A BOSH connection manager of this process. */
export interface ConnectionManager {
  readonly exchange: Exchange
  /**
   * Answers a request that is too large to be read, by the first characters of it.
   * Undefined where it belongs to no live session.
   */
  readonly refuseTooLarge: (head: string) => Reply | undefined
  /** Ends all sessions with `system-shutdown` and answers new ones with it. */
  readonly shutDown: () => void
}

/** Our own connection manager as an `Exchange`: one body in, one body out. */
export function createConnectionManager(parts: ExchangeParts): ConnectionManager {
  const { registry, log } = parts
  let stopping = false

  function create(body: Body, peer: Peer): Promise<Reply> | Reply {
    if (body.rid === undefined || Number.isNaN(body.rid) || body.restart === undefined)
      return refuse(peer, 'bad-request')
    if (stopping) return refuse(peer, 'system-shutdown', 'shutting-down')
    if (parts.requireSecure && !peer.secure) {
      if (parts.secureUrl === undefined) return refuse(peer, 'policy-violation')
      return { status: 200, body: writeSeeOther(parts.secureUrl), contentType: defaultContentType }
    }
    const domain = body.to === undefined ? undefined : prepareDomain(body.to)
    if (domain === undefined) return refuse(peer, 'improper-addressing')
    if (allowsDomain(parts.retiredDomains, domain)) return refuse(peer, 'host-gone', 'host-unknown')
    if (!allowsDomain(parts.domains, domain)) return refuse(peer, 'host-unknown', 'domain-not-allowed')
    const terms = negotiate(body, parts.terms)
    if (typeof terms === 'string') return refuse(peer, terms)
    const { sid, id } = newSid()
    const session = new Session({
      sid,
      id,
      terms,
      rid: body.rid,
      newkey: body.newkey,
      peer,
      clock: parts.clock,
      outboxLimits: parts.outboxLimits,
      connect: events => parts.connect(domain, { to: domain, lang: terms.lang, from: body.from }, events),
      onNotice: what => log.info({ session: id }, what),
      onEnd: ended => {
        registry.remove(ended)
        log.debug({ session: id }, 'session ended')
      },
    })
    registry.add(session)
    log.debug({ session: id, domain, kind: peer.kind }, 'session created')
    return session.create(body, peer)
  }

  function route(text: string, peer: Peer): Promise<Reply> | Reply {
    let body: Body
    try {
      body = parseBody(text)
    } catch (error) {
      if (error instanceof XmlError || error instanceof NotABody) return refuse(peer, 'bad-request')
      throw error
    }
    if (body.sid === undefined) return create(body, peer)
    const session = registry.bySid(body.sid)
    return session === undefined ? refuse(peer, 'item-not-found') : session.handle(body, peer)
  }

  return {
    async exchange(text, peer) {
      try {
        return await route(text, peer)
      } catch (error) {
        const incident = randomUUID()
        log.error({ incident, err: error }, 'a request failed')
        return refuse(peer, 'internal-server-error', 'internal-error')
      }
    },
    refuseTooLarge(head) {
      const sid = /<body[^>]*\ssid\s*=\s*['"]([0-9a-zA-Z._-]{1,128})['"]/.exec(head)?.[1]
      const session = sid === undefined ? undefined : registry.bySid(sid)
      if (session === undefined) return undefined
      session.abandon()
      return { status: 200, body: writeTerminate('policy-violation'), contentType: defaultContentType }
    },
    shutDown() {
      stopping = true
      registry.shutDown()
    },
  }
}

/** A refusal that belongs to no session. */
function refuse(peer: Peer, condition: Condition, code: ProblemCode = 'internal-error'): Reply {
  const reply = { status: 200, body: writeTerminate(condition), contentType: defaultContentType }
  return peer.kind === 'login' ? { ...reply, facts: { failure: { step: 'connect', code } } } : reply
}
