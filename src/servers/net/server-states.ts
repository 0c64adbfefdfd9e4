import type { Logger } from 'pino'
import type { Clock, Timer } from '../../lib/clock.js'
import { codeOf } from '../../lib/log.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { type Failure, isConnectionLost, type LinkEvents, type OpenLink } from '../../xmpp/link.js'

/** Maximum number of servers of subdomains, because users can invent subdomains. */
const mostFound = 100
/** A server without links is forgotten this long after its last attempt. */
const mostAge = 300_000
const minute = 60_000
/** Links break together if they break within this time. */
const burstMilliseconds = 1_000
/** A server is down if at least this number of its links, and at least half, break together. */
const fewestTogether = 3

/** A down server, except a server of a subdomain, is probed after this time without attempts. */
const probeAfter = 30_000
/** Least time between probes that other processes request. */
const leastBetweenProbes = 10_000

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
  /** XMPP_DOMAINS names the domain itself, not only a pattern, or the domain has a remote endpoint. */
  readonly isNamed: (domain: string) => boolean
  /** Only `*` of XMPP_DOMAINS allows the domain. */
  readonly isOnlyByWildcard: (domain: string) => boolean
  readonly probe: (domain: string) => void
  /** Called when a trusted server goes down, and whenever this process probes the server later. */
  readonly onDown: (about: DownServer) => void
}

export interface DownServer {
  readonly owner: string
  readonly server: string
  readonly domain: string
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

export interface StateLookup {
  ofEntry(domain: string, server: string): ServerState | undefined
  ofFound(domain: string, server: string): ServerState | undefined
}

export class ServerStates implements StateLookup {
  readonly #parts: ServerStatesParts
  readonly #states = new Map<string, ServerState>()
  #forgotAt = 0

  constructor(parts: ServerStatesParts) {
    this.#parts = parts
  }

  ofEntry(domain: string, server: string): ServerState {
    const owner = this.#parts.hasEntry(domain) ? domain : '*'
    return this.#known(owner, server) ?? this.#add(owner, server, true)
  }

  /** A server from DNS. Undefined if only `*` allows the domain, or `mostFound` is reached. */
  ofFound(domain: string, server: string): ServerState | undefined {
    const known = this.#known(domain, server)
    if (known !== undefined) return known
    const { isNamed, isOnlyByWildcard } = this.#parts
    if (isNamed(domain)) return this.#add(domain, server, true)
    return isOnlyByWildcard(domain) || !this.#hasRoom() ? undefined : this.#add(domain, server, false)
  }

  get rows(): readonly ServerRow[] {
    this.#forgetOld()
    return [...this.#states.values()].flatMap(({ owner, server, isShown, isUp }) =>
      isShown && isUp !== undefined ? [{ labels: { domain: withULabels(owner), server }, isUp }] : [],
    )
  }

  /** Call this if another process found the server down. */
  suspect({ owner, server, domain }: DownServer): void {
    this.#known(owner, server)?.suspect(domain)
  }

  close(): void {
    for (const state of this.#states.values()) state.close()
    this.#states.clear()
  }

  #known(owner: string, server: string): ServerState | undefined {
    return this.#states.get(keyOf(owner, server))
  }

  #add(owner: string, server: string, isTrusted: boolean): ServerState {
    const { clock, log, probe, onDown } = this.#parts
    if (clock.now() - this.#forgotAt >= minute) this.#forgetOld()
    const state = new ServerState({ owner, server, isTrusted, clock, log, probe, onDown })
    this.#states.set(keyOf(owner, server), state)
    return state
  }

  #hasRoom(): boolean {
    const found = [...this.#states].filter(([, { isTrusted }]) => !isTrusted)
    if (found.length < mostFound) return true
    this.#forgetOld()
    const other = found.find(([key, { isShown }]) => !isShown || !this.#states.has(key))
    if (other === undefined) return false
    this.#states.get(other[0])?.close()
    this.#states.delete(other[0])
    return true
  }

  #forgetOld(): void {
    this.#forgotAt = this.#parts.clock.now()
    const oldest = this.#forgotAt - mostAge
    for (const [key, state] of this.#states) {
      if (state.links > 0 || state.lastAt > oldest) continue
      state.close()
      this.#states.delete(key)
    }
  }
}

const keyOf = (owner: string, server: string) => `${owner} ${server}`

interface StateParts extends Pick<ServerStatesParts, 'clock' | 'log' | 'probe' | 'onDown'> {
  readonly owner: string
  readonly server: string
  readonly isTrusted: boolean
}

export class ServerState {
  /** Undefined before the first outcome. */
  isUp: boolean | undefined
  links = 0
  lastAt: number
  readonly owner: string
  readonly server: string
  readonly isTrusted: boolean
  readonly #parts: StateParts
  /** While false, an untrusted server is not shown, because users can invent names. */
  #wasReached = false
  #downSince = 0
  #isDownLogged = false
  #loggedAt = Number.NEGATIVE_INFINITY
  #logTimer: Timer | undefined
  #probeTimer: Timer | undefined
  #suspectedAt = Number.NEGATIVE_INFINITY
  #isClosed = false
  #lost = 0
  #failed = 0
  #last: Failure | undefined
  #lastDomain: string
  #burstAt = Number.NEGATIVE_INFINITY
  #lostInBurst = 0
  #linksInBurst = 0

  constructor(parts: StateParts) {
    this.#parts = parts
    this.owner = parts.owner
    this.server = parts.server
    this.isTrusted = parts.isTrusted
    this.#lastDomain = parts.owner
    this.lastAt = parts.clock.now()
  }

  get isShown(): boolean {
    return this.isTrusted || this.#wasReached
  }

  reached(): void {
    this.#wasReached = true
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
    this.#markDown(domain)
    this.#noteFailure(failure, domain)
  }

  opened(): void {
    this.links += 1
    this.#linksInBurst += 1
  }

  closed(): void {
    this.links -= 1
  }

  /** Call this before `closed` if a link broke after its login. */
  lost(failure: Failure, domain: string): void {
    if (!isConnectionLost(failure) && !serverWide.has(failure.condition ?? '')) return
    const now = this.#parts.clock.now()
    if (now - this.#burstAt >= burstMilliseconds) {
      this.#burstAt = now
      this.#lostInBurst = 0
      this.#linksInBurst = this.links
    }
    this.#lost += 1
    this.#lostInBurst += 1
    if (this.#lostInBurst >= fewestTogether && this.#lostInBurst * 2 >= this.#linksInBurst) this.#markDown(domain)
    this.#noteFailure(failure, domain)
  }

  close(): void {
    this.#isClosed = true
    this.#logTimer?.cancel()
    this.#probeTimer?.cancel()
  }

  suspect(domain: string): void {
    const now = this.#parts.clock.now()
    if (this.isUp !== true || now - this.#suspectedAt < leastBetweenProbes) return
    this.#suspectedAt = now
    this.#parts.probe(domain)
  }

  #markDown(domain: string): void {
    if (this.isUp === false) return
    this.#downSince = this.#parts.clock.now()
    this.isUp = false
    this.#reportDown(domain)
  }

  #reportDown(domain: string): void {
    if (this.isTrusted) this.#parts.onDown({ owner: this.owner, server: this.server, domain })
  }

  #noteFailure(failure: Failure, domain: string): void {
    const { clock } = this.#parts
    this.#last = failure
    this.#lastDomain = domain
    this.lastAt = clock.now()
    if (!this.isShown || this.#isClosed) return
    if (this.isUp === false && this.isTrusted) this.#probeLater()
    const due = Math.max(burstMilliseconds, this.#loggedAt + minute - this.lastAt)
    this.#logTimer ??= clock.after(due, () => this.#logFailures())
  }

  #probeLater(): void {
    this.#probeTimer?.cancel()
    this.#probeTimer = this.#parts.clock.after(probeAfter, () => {
      this.#probeLater()
      this.#reportDown(this.#lastDomain)
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
  const nothing = () => {}
  return domain => {
    const events: LinkEvents = {
      onOpen: () => link.close(),
      onElement: nothing,
      onFlush: nothing,
      onDrain: nothing,
      onEnd: nothing,
    }
    const link = connect(domain, { lang: 'en' }, events)
  }
}
