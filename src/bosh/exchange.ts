import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { Counts } from '../counts.js'
import type { Condition, ProblemCode } from '../errors.js'
import type { Exchange, LoginWishes, Peer, Reply, Serve, Waiter } from '../exchange.js'
import { allowsDomain, prepareDomain, withULabels } from '../jid/domains.js'
import type { Clock } from '../lib/clock.js'
import { Throttle } from '../lib/throttle.js'
import type { Link, LinkEvents, LinkOptions } from '../link.js'
import { traceOf } from '../log.js'
import { newSid } from '../sid.js'
import type { Fate } from '../xml/element.js'
import { XmlError } from '../xml/xml-error.js'
import type { CookieRules } from './attach-binding.js'
import { type Body, NotABody, parseBody, writeSeeOther, writeTerminate } from './body.js'
import { readBodyHead } from './body-head.js'
import { Flow } from './flow.js'
import { type Refusal, SessionLimits } from './limits.js'
import type { OutboxLimits } from './outbox.js'
import type { Registry } from './registry.js'
import { Session, type SessionKeeper } from './session.js'
import { defaultContentType, negotiate, type TermLimits } from './terms.js'

export interface ExchangeParts {
  readonly registry: Registry
  /** Patterns of the domains that may be contacted. */
  readonly domains: readonly string[]
  /** Patterns of the domains that once were. */
  readonly retiredDomains: readonly string[]
  readonly terms: TermLimits
  /** For clients that do not say which domain they want. */
  readonly defaultDomain: string | undefined
  /** Whether sessions are created over encrypted channels only. */
  readonly requireSecure: boolean
  readonly outboxLimits: OutboxLimits
  /** How the cookies look that bind sessions at a domain to browsers. */
  readonly cookies: (domain: string) => CookieRules
  /** Opens a link to a domain's XMPP server; a login in this process may have wishes of its own. */
  readonly connect: (
    domain: string,
    options: LinkOptions,
    events: LinkEvents,
    wishes: LoginWishes | undefined,
  ) => Link
  readonly clock: Clock
  readonly log: Logger
  /** What is counted of it; counts of its own unless somebody wants to see them. */
  readonly counts?: Counts
  /** How many sessions there may be; any number unless somebody says. */
  readonly limits?: SessionLimits
  /** How much their clients may send; any amount unless somebody says. */
  readonly flow?: Flow
}

/** A BOSH connection manager of this process. */
export interface ConnectionManager {
  readonly exchange: Exchange
  readonly serve: Serve
  /**
   * Answers a request that is too large to be read, by the first characters of it.
   * Undefined where it belongs to no live session.
   */
  readonly refuseTooLarge: (head: string, peer: Peer) => Reply | undefined
  /** Puts down what was not foreseen, for whoever serves requests with this. */
  readonly report: (error: unknown) => void
  /** Ends all sessions with `system-shutdown` and answers new ones with it. */
  readonly shutDown: () => void
}

/** A request, or undefined where the text is none. */
function readBody(text: string): Body | undefined {
  try {
    return parseBody(text)
  } catch (error) {
    if (error instanceof XmlError || error instanceof NotABody) return undefined
    throw error
  }
}

/** Our own connection manager as an `Exchange`: one body in, one body out. */
export function createConnectionManager(parts: ExchangeParts): ConnectionManager {
  const { registry, clock, log, counts = new Counts() } = parts
  const { limits = SessionLimits.none(clock), flow = Flow.none } = parts
  /** The same reason for refusing sessions, or the same fault of servers, is logged once a minute. */
  const warnings = new Throttle<Refusal | Fate>(clock)
  const keeper: SessionKeeper = {
    counts,
    flow,
    load: limits,
    bound(session) {
      registry.bound(session)
      limits.loggedIn(session)
      // A login in this process says in time that there are too many, and nobody has to be told afterwards.
      if (session.isClients && limits.isCrowded(registry.liveOf(session.jid!))) session.expel('limit')
    },
    loggedIn: session => limits.loggedIn(session),
    noticed: ({ id }, what) => log.info({ session: id }, what),
    unfit({ id }, fate) {
      counts.unfitStanzas[fate] += 1
      if (warnings.isDue(fate)) log.info({ session: id, fate }, 'a stanza could not be passed on as it was')
    },
    failed(_session, { step, code }) {
      counts.linkFailures.add(step, code)
    },
    ended(session, reason) {
      registry.remove(session)
      limits.ended(session)
      counts.sessionsEnded[reason] += 1
      log.debug({ session: session.id, reason }, 'session ended')
    },
    broke(session, cause) {
      if (registry.remove(session)) counts.sessionsEnded.fault += 1
      limits.ended(session)
      report(cause, 'a session failed', { session: session.id })
    },
  }
  let stopping = false
  /** Puts down what was not foreseen, under a number of its own. */
  function report(error: unknown, what = 'a request failed', about: object = {}): void {
    counts.faults += 1
    log.error({ incident: randomUUID(), ...about, ...traceOf(error) }, what)
  }

  /** A refusal that belongs to no session. */
  function refuse(peer: Peer, condition: Condition, code: ProblemCode = 'internal-error'): Reply {
    const reply = { status: 200, body: writeTerminate(condition), contentType: defaultContentType }
    if (peer.kind === 'login') return { ...reply, facts: { failure: { step: 'connect', code } } }
    counts.failedRequests += 1
    return reply
  }

  function refuseHost(peer: Peer, condition: Condition, code?: ProblemCode): Reply {
    counts.unknownHosts += 1
    return refuse(peer, condition, code)
  }

  function refuseFor(peer: Peer, reason: Refusal): Reply {
    counts.sessionsRefused[reason] += 1
    if (warnings.isDue(reason)) log.warn({ reason }, 'sessions are refused')
    return refuse(peer, 'policy-violation', 'service-full')
  }

  /** Opens a session, or says why not. */
  async function open(body: Body, peer: Peer): Promise<Session | Reply> {
    if (body.rid === undefined || Number.isNaN(body.rid) || body.restart === undefined)
      return refuse(peer, 'bad-request')
    if (stopping) return refuse(peer, 'system-shutdown', 'shutting-down')
    if (parts.requireSecure && !peer.secure) {
      if (peer.secureUrl === undefined) return refuse(peer, 'policy-violation')
      return { status: 200, body: writeSeeOther(peer.secureUrl), contentType: defaultContentType }
    }
    // Without a default an empty domain is as good as none (XEP-0124 §7.1).
    const domain = body.to ? prepareDomain(body.to) : parts.defaultDomain
    if (domain === undefined) return refuseHost(peer, 'improper-addressing')
    if (allowsDomain(parts.retiredDomains, domain)) return refuseHost(peer, 'host-gone', 'host-unknown')
    if (!allowsDomain(parts.domains, domain)) return refuseHost(peer, 'host-unknown', 'domain-not-allowed')
    const terms = negotiate(body, parts.terms)
    if (typeof terms === 'string') return refuse(peer, terms)
    const isLogin = peer.kind === 'login'
    if (!isLogin && (await limits.isTooOften(peer.address))) return refuseFor(peer, 'rate')
    const refusal = limits.refusal(registry.size) ?? (isLogin ? undefined : limits.refusalOf(peer.address))
    if (refusal !== undefined) return refuseFor(peer, refusal)
    const { sid, id } = newSid()
    // What the session keeps of the request is this, not the request.
    const options = { lang: terms.lang, from: body.from }
    const session = new Session({
      sid,
      id,
      domain,
      terms,
      rid: body.rid,
      newkey: body.newkey,
      peer,
      clock,
      outboxLimits: parts.outboxLimits,
      connect: (events, wishes) => parts.connect(domain, options, events, wishes),
      cookies: parts.cookies(domain),
      keeper,
    })
    registry.add(session)
    if (!isLogin) limits.opened(session, peer.address)
    counts.sessionsCreated[isLogin ? 'warmed' : 'client'] += 1
    log.debug({ session: id, domain: withULabels(domain), kind: peer.kind }, 'session created')
    return session
  }

  /** Has a new session answer the request that creates it. */
  async function create(body: Body, peer: Peer, waiter: Waiter): Promise<void> {
    let session: Session | undefined
    try {
      const opened = await open(body, peer)
      if (opened instanceof Session) {
        session = opened
        session.create(body, peer, waiter)
      } else waiter.answer(opened)
    } catch (error) {
      breakOff(session, error, peer, waiter)
    }
  }

  /** Has a session answer a request, unless it is one that waits too many. */
  function take(session: Session, body: Body, peer: Peer, waiter: Waiter): void {
    const waitingBefore = session.openCount
    session.handle(body, peer, waiter)
    if (limits.holdsTooMany && session.openCount > waitingBefore) session.expel('limit')
  }

  /** A session that fails at a request cannot be relied on any more. */
  function breakOff(session: Session | undefined, error: unknown, peer: Peer, waiter: Waiter): void {
    waiter.answer(refuse(peer, 'internal-server-error', 'internal-error'))
    if (session === undefined) report(error)
    else session.collapse(error)
  }

  function serve(text: string, peer: Peer, waiter: Waiter): void {
    let session: Session | undefined
    try {
      const body = readBody(text)
      if (body === undefined) waiter.answer(refuse(peer, 'bad-request'))
      else if (body.sid === undefined) void create(body, peer, waiter)
      else {
        session = registry.bySid(body.sid)
        if (session === undefined) waiter.answer(refuseUnknown(peer))
        else take(session, body, peer, waiter)
      }
    } catch (error) {
      breakOff(session, error, peer, waiter)
    }
  }

  function refuseUnknown(peer: Peer): Reply {
    counts.unknownSids += 1
    // It was here a moment ago, as far as its client knows.
    return stopping ? refuse(peer, 'system-shutdown', 'shutting-down') : refuse(peer, 'item-not-found')
  }

  return {
    exchange(text, peer) {
      return new Promise(resolve => {
        // Replies that are given in one turn reach those who wait in the order they were given in, however long some have
        // waited already (XEP-0124 §14.2).
        serve(text, peer, { answer: reply => queueMicrotask(() => resolve(reply)) })
      })
    },
    serve,
    refuseTooLarge(head, peer) {
      const { sid, rid } = readBodyHead(head)
      const session = sid === undefined ? undefined : registry.bySid(sid)
      try {
        return session?.handleTooLarge(rid, peer)
      } catch (error) {
        session!.collapse(error)
        return refuse(peer, 'internal-server-error')
      }
    },
    report: error => report(error),
    shutDown() {
      stopping = true
      registry.shutDown()
    },
  }
}
