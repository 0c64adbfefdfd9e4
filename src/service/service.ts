import { heldRequests } from '../browsers/bosh/connection-manager.js'
import type { Config } from '../config/config.js'
import { createWhereabouts, type Whereabouts } from '../forwarding/whereabouts.js'
import { createFormTokens } from '../http/access/form-tokens.js'
import { refusedRequests } from '../http/access/refused-requests.js'
import { createDispatcher, type Dispatcher } from '../http/listening/dispatch.js'
import { type Listening, type ListeningParts, listen } from '../http/listening/listening.js'
import { hashQueue } from '../lib/limits/hash-queue.js'
import type { WorkQueue } from '../lib/limits/work-queue.js'
import { secretKeys } from '../lib/secrets/secret-hashes.js'
import { takeUpFile } from '../session/registry/moving-sessions.js'
import { type StateFiles, stateFiles, type WrittenState } from '../session/registry/state-files.js'
import { recordVersion } from '../session/session-record.js'
import { localTabs } from '../store/local-tabs.js'
import { createCallLimits } from '../warm/call-limits.js'
import { createGuests } from '../warm/connect/guests.js'
import type { PageTokens } from '../warm/connect/page-tokens.js'
import { createEvents, type Events } from '../warm/events/events.js'
import { createCapacity } from '../warm/numbers/capacity.js'
import { createLastHour } from '../warm/numbers/last-hour.js'
import { createOverview } from '../warm/numbers/overview.js'
import { createAuditReader } from '../warm/numbers/recent-audit.js'
import { createTabCalls } from '../warm/tab-calls.js'
import { createHealthListeners, faultOf, noticeOf } from '../watching/health.js'
import type { AuditTrail } from '../watching/logs.js'
import { createMetrics, type MetricsParts } from '../watching/metrics.js'
import { type MetricsServer, serveMetrics } from '../watching/metrics-server.js'
import { createPageTokens } from './create-page-tokens.js'
import type { JoinedProcesses } from './joined-processes.js'
import { type Base, type BaseParts, openBase } from './process-base.js'
import { createSessionParts, type ProcessParts, type ProcessSessions } from './session-parts.js'
import type { SiteParts } from './site.js'
import { createSites, type Sites } from './sites.js'
import { Stopping } from './stopping.js'

/** A file is read at the start. In milliseconds. */
const slowestStart = 10_000

export interface ServiceParts extends BaseParts, Pick<ProcessParts, 'hostMetaPort'> {
  readonly audit: AuditTrail
  /** For secrets of admins. */
  readonly hashes?: WorkQueue
  readonly lastReload?: MetricsParts['lastReload']
  /** False in a worker: the primary listens at METRICS_ADDRESS. Default: true. */
  readonly servesMetrics?: boolean
  readonly routers?: SiteParts['routers']
  readonly sockets?: ListeningParts['sockets']
  /** After this call, a kill would lose sessions, because no other process has them. */
  readonly onTakingUp?: () => void
  readonly demoPath?: string
}

/** Rejects if a port is taken. */
export async function startService(parts: ServiceParts): Promise<Service> {
  const service = new Service(parts, await openBase(parts))
  await service.start()
  return service
}

export class Service {
  readonly #parts: ServiceParts
  readonly #base: Base
  readonly #sessions: ProcessSessions
  readonly #events: Events | undefined
  readonly #files: StateFiles | undefined
  readonly #metrics: ReturnType<typeof createMetrics>
  readonly #lastHour: ReturnType<typeof createLastHour>
  #pageTokens: PageTokens | undefined
  #sites!: Sites
  #dispatcher!: Dispatcher
  #listening!: Listening
  #metricsServer: MetricsServer | undefined
  #stopping: Stopping | undefined

  constructor(parts: ServiceParts, base: Base) {
    const { config, hostMetaPort } = parts
    const { clock, log, logFor, live, counts, sums } = base
    this.#parts = parts
    this.#base = base
    this.#sessions = createSessionParts({ base, takeUp: record => this.#sites.takeUp(record), hostMetaPort })
    const { names, registry } = this.#sessions
    const { events: receiver, proxies } = config
    const { state } = live.config
    this.#events = receiver && createEvents({ receiver, proxies, names, clock, counts, sums, log: logFor('events') })
    this.#metrics = this.#createMetrics()
    this.#lastHour = createLastHour({ clock, counts, registry })
    const longestOutage = config.linkResumeTime * 1000
    this.#files = state && stateFiles({ state, version: recordVersion, longestOutage, log })
  }

  async start(): Promise<void> {
    const { config, servesMetrics = true, onTakingUp } = this.#parts
    const { clock, log, logFor, live, joined, phase, sums } = this.#base
    const { names, shared } = this.#sessions
    const address = config.metricsAddress
    const note = refusedRequests(sums, logFor('http'), live.config)
    const notice = () => noticeOf(joined?.store)
    let state: WrittenState | undefined
    try {
      this.#pageTokens = await createPageTokens(config, { names, clock, log: logFor('warm') })
      this.#sites = this.#createSites()
      this.#dispatcher = createDispatcher(createHealthListeners(this.#fault, notice, note), this.#sites, note)
      state = await this.#files?.read()
      if (servesMetrics && address)
        this.#metricsServer = await serveMetrics(address, this.#metrics.text, this.#fault, log)
      await joined?.join(this.#dispatcher, this.#sessions.book!)
      this.#listening = await this.#listen(note)
    } catch (error) {
      phase.begin('stopping')
      joined?.tellDraining()
      await joined?.leave()
      await joined?.close()
      this.#metricsServer?.close()
      throw error
    }
    if (state !== undefined) {
      onTakingUp?.()
      // All steps that can fail come first. No `await` may come between `listen` and this call, or requests arrive
      // earlier.
      takeUpFile(state, this.#sites.takeUp, log)
    }
    shared?.records.begin()
    this.#stopping = new Stopping({
      base: this.#base,
      sessions: this.#sessions,
      sites: this.#sites,
      listening: this.#listening,
      events: this.#events,
      files: shared === undefined ? this.#files : undefined,
      lastHour: this.#lastHour,
      metricsServer: this.#metricsServer,
    })
    phase.begin('serving')
    void this.#pageTokens?.renew()
  }

  get url(): string {
    return this.urls[0]!
  }

  get urls(): readonly string[] {
    return this.#listening.urls
  }

  get metricsUrl(): string | undefined {
    return this.#metricsServer?.url
  }

  readonly metrics = () => this.#metrics.values()

  readonly reopen = () => this.#parts.audit.reopen()

  /**
   * Reads TLS certificates and the keys of page tokens again. `reloadConfig` has checked `next`. Resolves with false if
   * certificates are unusable.
   */
  readonly reload = async (next?: Config, { changed }: { changed?: readonly string[] } = {}): Promise<boolean> => {
    this.reopen()
    if (next !== undefined && changed?.length !== 0) this.#take(next)
    const areCertificatesUsable = this.#listening.reload(next)
    await this.#pageTokens?.reload(next?.pages)
    return areCertificatesUsable
  }

  /** False if the service starts, stops or is full. */
  readonly isReady = () => this.#fault() === undefined

  readonly counts = () => {
    const { registry, linking } = this.#sessions
    const forwarded = this.#base.joined?.requests ?? 0
    return { sessions: registry.size, links: linking.links.size + linking.remotes.size, forwarded }
  }

  /** Closes each open connection after one more answer. */
  readonly retire = () => this.#listening.retire()

  /** Resolves when all sessions that cannot be moved have ended, after DRAIN_TIME, or at a stop. */
  readonly drain = () => this.#stopping!.drain()

  /** Stores or ends sessions, and answers open requests. Resolves within 10 s, plus the time to store sessions. */
  readonly stop = () => this.#stopping!.stop()

  readonly #fault = () => {
    const { registry, parts } = this.#sessions
    return faultOf({ phase: this.#base.phase, limits: parts.common.limits, registry })
  }

  #take(next: Config): void {
    const { partLogs, live } = this.#base
    partLogs.take(next.logLevels)
    live.take(next)
    this.#sessions.refresh()
    this.#sites.rebuild(next)
  }

  #createMetrics() {
    const { counts, joined, clock } = this.#base
    const { registry, linking, parts } = this.#sessions
    return createMetrics({
      counts,
      joined,
      clock,
      lastReload: this.#parts.lastReload,
      census: () => ({
        states: { ...registry.states(), elsewhere: linking.remotes.elsewhere.size },
        ...heldRequests(registry.all()),
      }),
      open: {
        links: () => linking.links.size,
        remotes: () => linking.remotes.size,
        servers: linking.servers,
        waitingBytes: () => parts.common.waiting.bytes,
        connections: this.#connections,
        unreadBytes: this.#unreadBytes,
        certificateExpiries: () =>
          new Map([...(this.#listening?.certificateExpiries ?? []), ...linking.certificates.expiries]),
        events: () => this.#events?.waiting ?? 0,
      },
    })
  }

  readonly #connections = () => this.#listening?.connections ?? 0

  readonly #unreadBytes = () => this.#listening?.unreadBytes ?? 0

  #createSites(): Sites {
    const { config, audit, hashes, routers = () => [], demoPath } = this.#parts
    const { clock, logFor, auditFor, live, counts, sums, refused, joined, place, phase, descriptors } = this.#base
    const { registry, own, shared, makeRate, parts } = this.#sessions
    const others = joined?.peers
    const lastHour = this.#lastHour
    const keys = secretKeys(() => live.config.sealKeys)
    const capacity = createCapacity({
      config: live.config,
      registry,
      descriptors,
      waiting: parts.common.waiting,
      connections: this.#connections,
      unreadBytes: this.#unreadBytes,
    })
    return createSites(config, {
      sessionParts: parts,
      tellEvent: this.#events?.tell,
      whereabouts: joined && this.#whereabouts(joined),
      // One at a time, so that wrong secrets of admins do not delay SCRAM logins.
      hashes: hashes ?? hashQueue(refused, 1),
      formTokens: createFormTokens(keys, Date.now),
      pageTokens: this.#pageTokens,
      guests: createGuests({ config: live.config, keys, now: Date.now }),
      callLimits: createCallLimits({
        rates: live.config.rates,
        timeout: config.warm.timeout,
        clock,
        keys,
        makeRate,
        refused,
      }),
      tabCalls: createTabCalls({
        own,
        tabs: joined?.store.tabs ?? localTabs(),
        shared,
        clock,
        timeout: config.warm.timeout,
      }),
      answering: {
        log: logFor('warm'),
        httpLog: logFor('http'),
        audit: auditFor('warm'),
        clock,
        logOften: sums.lines(),
        counts,
        lastHour,
        onCall: call => this.#metrics.recordCall(call),
        isStopping: () => phase.has('stopping') && others?.forNewSession() === undefined,
      },
      numbers: {
        readOverview: createOverview({ others, clock, lastHour, place, registry, capacity }),
        readAudit: createAuditReader(audit.recent, others),
      },
      routers,
      demoPath,
    })
  }

  #whereabouts(joined: JoinedProcesses): Whereabouts {
    const { clock, phase } = this.#base
    const { peers, store } = joined
    const readBy = clock.now() + slowestStart
    return createWhereabouts({
      peers,
      store,
      clock,
      takeUp: key => this.#sessions.shared!.records.takeUp(key),
      phase,
      whenSetDown: () => joined.whenSetDown,
      areFilesRead: () => this.#files === undefined || clock.now() > readBy,
    })
  }

  #listen(note: ListeningParts['note']): Promise<Listening> {
    const { sockets = new Map() } = this.#parts
    const { clock, log, live, refused, descriptors } = this.#base
    return listen(this.#dispatcher, { config: live.config, log, clock, refused, note, descriptors, sockets })
  }
}
