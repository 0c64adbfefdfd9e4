import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.js'
import { codeOf } from '../../lib/log.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { type Failure, isConnectionLost, type Link, type OpenLink } from '../../xmpp/link.js'
import { nothing } from './connect-to-any.js'

/** A server without links is forgotten this long after its last attempt. */
const mostAge = 300_000
const minute = 60_000
/** Failures within this time have one log line. */
const burstMilliseconds = 1_000
/** A down server is probed after this time without attempts. */
const probeAfter = 30_000

const ownFaults = new Set<Failure['code']>([
  'service-full',
  'local-ports-exhausted',
  'address-not-allowed',
  'internal-error',
])
const faultsOfDomain = new Set<Failure['code']>(['certificate-invalid', 'tls-unavailable'])
/** A server may hang up because it does not know the domain. */
const isHangUp = ({ code, step }: Failure) => code === 'remote-connection-failed' && step !== 'connect'
/** Stream errors of the whole server (RFC 6120 §4.9.3). */
const serverWide = new Set(['internal-server-error', 'reset', 'resource-constraint', 'system-shutdown'])

interface ServerStatesParts {
  readonly clock: Clock
  readonly log: Logger
  /** XMPP_SERVERS names the domain. */
  readonly hasEntry: (domain: string) => boolean
  /** XMPP_DOMAINS names the domain itself, or it has a remote endpoint. Users can invent names that a pattern allows. */
  readonly isNamed: (domain: string) => boolean
  readonly probe: (domain: string) => void
}

export interface ServerRow {
  readonly labels: { readonly domain: string; readonly server: string }
  readonly isUp: boolean
}

export interface ConnectedServer {
  /** Host and port. */
  readonly name: string
  readonly state: ServerState | undefined
}

export type ServerStates = ReturnType<typeof createServerStates>

export type StateLookup = Pick<ServerStates, 'ofEntry' | 'ofFound'>

export function createServerStates(parts: ServerStatesParts) {
  const states = new Map<string, ServerState>()

  function stateOf(owner: string, server: string): ServerState {
    const key = `${owner} ${server}`
    let state = states.get(key)
    if (state === undefined) {
      forgetOld()
      state = new ServerState(owner, server, parts)
      states.set(key, state)
    }
    // Otherwise, it could be forgotten while the server is dialled, and its outcome with it.
    state.lastAt = parts.clock.now()
    return state
  }

  function forgetOld(): void {
    const oldest = parts.clock.now() - mostAge
    for (const [key, state] of states) {
      if (state.links > 0 || state.lastAt > oldest) continue
      state.close()
      states.delete(key)
    }
  }

  return {
    ofEntry: (domain: string, server: string): ServerState | undefined =>
      stateOf(parts.hasEntry(domain) ? domain : '*', server),

    /** A server from DNS. */
    ofFound: (domain: string, server: string): ServerState | undefined =>
      parts.isNamed(domain) ? stateOf(domain, server) : undefined,

    get rows(): readonly ServerRow[] {
      forgetOld()
      return [...states.values()].flatMap(({ owner, server, isUp }) =>
        isUp === undefined ? [] : [{ labels: { domain: withULabels(owner), server }, isUp }],
      )
    },

    close(): void {
      for (const state of states.values()) state.close()
      states.clear()
    },
  }
}

export class ServerState {
  /** Undefined before the first outcome. */
  isUp: boolean | undefined
  links = 0
  lastAt: number
  readonly #parts: ServerStatesParts
  #downSince = 0
  #isDownLogged = false
  #loggedAt = Number.NEGATIVE_INFINITY
  #logTimer: Timer | undefined
  #probeTimer: Timer | undefined
  #isClosed = false
  #lost = 0
  #failed = 0
  #last: Failure | undefined
  #lastDomain: string

  constructor(
    readonly owner: string,
    readonly server: string,
    parts: ServerStatesParts,
  ) {
    this.#parts = parts
    this.#lastDomain = owner
    this.lastAt = parts.clock.now()
  }

  reached(): void {
    this.lastAt = this.#parts.clock.now()
    if (this.isUp === true) return
    if (this.#isDownLogged) this.#logRecovery()
    this.isUp = true
    this.#probeTimer?.cancel()
  }

  failed(failure: Failure, domain: string): void {
    const { code, step } = failure
    if (ownFaults.has(code) || (code === 'host-unknown' && step !== 'resolve')) return
    if (this.owner === '*' && (faultsOfDomain.has(code) || isHangUp(failure))) return
    this.#failed += 1
    if (this.isUp !== false) this.#downSince = this.#parts.clock.now()
    this.isUp = false
    this.#noteFailure(failure, domain)
    if (!this.#isClosed) this.#probeLater()
  }

  /** Call this if a link broke after its login. */
  lost(failure: Failure, domain: string): void {
    if (!isConnectionLost(failure) && !serverWide.has(failure.condition ?? '')) return
    this.#lost += 1
    this.#noteFailure(failure, domain)
  }

  close(): void {
    this.#isClosed = true
    this.#logTimer?.cancel()
    this.#probeTimer?.cancel()
  }

  #noteFailure(failure: Failure, domain: string): void {
    const { clock } = this.#parts
    this.#last = failure
    this.#lastDomain = domain
    this.lastAt = clock.now()
    if (this.#isClosed) return
    const due = Math.max(burstMilliseconds, this.#loggedAt + minute - this.lastAt)
    this.#logTimer ??= clock.after(due, () => this.#logFailures())
  }

  #probeLater(): void {
    this.#probeTimer?.cancel()
    this.#probeTimer = this.#parts.clock.after(probeAfter, () => {
      this.#probeLater()
      this.#parts.probe(this.#lastDomain)
    })
  }

  #logFailures(): void {
    const { clock, log } = this.#parts
    const { step, code, condition, cause } = this.#last!
    this.#logTimer = undefined
    this.#loggedAt = clock.now()
    this.#isDownLogged = this.isUp === false
    log.warn(
      { ...this.#sums(), step, code, condition, cause: codeOf(cause) },
      this.#isDownLogged ? 'an XMPP server is down' : 'links to an XMPP server broke, or could not be made',
    )
  }

  #logRecovery(): void {
    this.#isDownLogged = false
    this.#logTimer?.cancel()
    this.#logTimer = undefined
    const seconds = Math.round((this.lastAt - this.#downSince) / 1000)
    this.#parts.log.info({ ...this.#sums(), seconds }, 'an XMPP server is back')
  }

  #sums() {
    const domain = withULabels(this.#lastDomain)
    const sums = { domain, server: this.server, lost: this.#lost, failed: this.#failed }
    this.#lost = 0
    this.#failed = 0
    return sums
  }
}

export function probeBy(connect: OpenLink): (domain: string) => void {
  return domain => {
    const events = { onOpen: () => link.close(), onElement: nothing, onEnd: nothing }
    const link: Link = connect(domain, { lang: 'en' }, events)
  }
}
