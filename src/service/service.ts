import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { heldRequests } from '../browsers/bosh/connection-manager.js'
import type { Config } from '../config/config.js'
import { createLiveConfig } from '../config/live-config.js'
import { settingsInCommon } from '../config/serving.js'
import { createEvents } from '../events/events.js'
import { createWhereabouts } from '../forwarding/whereabouts.js'
import { createFormTokens } from '../http/access/form-tokens.js'
import { refusedRequests } from '../http/access/refused-requests.js'
import { createDispatcher } from '../http/listening/dispatch.js'
import { type Listening, type ListeningParts, listen } from '../http/listening/listening.js'
import { type Clock, systemClock } from '../lib/clock.js'
import { Descriptors } from '../lib/limits/descriptors.js'
import { adminHashQueue, hashQueue } from '../lib/limits/hash-queue.js'
import { MinuteSums } from '../lib/limits/minute-sums.js'
import { createRefusals } from '../lib/limits/reached-limits.js'
import { codeOf, createPartLogs, type LogFor } from '../lib/log.js'
import { secretKeys } from '../lib/secrets/secret-hashes.js'
import { type DocumentParts, documentFetcher } from '../remote/fetched-document.js'
import { RemoteFault } from '../remote/remote-fault.js'
import { recordVersion, takeUpFiles } from '../session/registry/moving-sessions.js'
import { stateFiles } from '../session/registry/state-files.js'
import { StoredRecords } from '../session/registry/stored-records.js'
import { localTabs } from '../store/local-tabs.js'
import { newProcessName } from '../store/process-name.js'
import type { Store, StoreEvents } from '../store/store.js'
import { createCallLimits } from '../warm/call-limits.js'
import type { PageTokens } from '../warm/connect/page-tokens.js'
import { createAuditReader } from '../warm/numbers/audit-lines.js'
import { createCapacity } from '../warm/numbers/capacity.js'
import { createLastHour } from '../warm/numbers/last-hour.js'
import { createOverview } from '../warm/numbers/overview.js'
import { createVisits } from '../warm/visits.js'
import { watchFailures } from '../watching/failure-share.js'
import { createHealthListeners } from '../watching/health.js'
import type { AuditTrail } from '../watching/logs.js'
import { createMetrics, type MetricsParts } from '../watching/metrics.js'
import { type MetricsServer, serveMetrics } from '../watching/metrics-server.js'
import { joinProcesses } from './joined-processes.js'
import { createSessionParts, type ProcessParts } from './session-parts.js'
import type { SiteParts } from './site.js'
import { createSites } from './sites.js'
import { createStopping, type Stopping } from './stopping.js'

/** A worker reads its file at its start. In milliseconds. */
const slowestStart = 10_000
/** Above this number of wrong tokens a minute, answers to the client are delayed. */
const mostWrongTokens = 10
export type Service = Awaited<ReturnType<typeof startService>>

export interface ServiceParts
  extends Pick<ProcessParts, 'config' | 'counts' | 'dns' | 'hostMetaPort'>,
    Partial<Pick<ProcessParts, 'clock' | 'hashes'>> {
  readonly log: Logger
  readonly audit: AuditTrail
  /** In place of REDIS_URL. */
  readonly store?: Store | undefined
  readonly place?: string
  /** Of the Unix sockets of workers. */
  readonly socketsFolder?: string | undefined
  readonly lastReload?: MetricsParts['lastReload']
  /** False in a worker: the primary listens at METRICS_ADDRESS. Default: true. */
  readonly servesMetrics?: boolean
  /** See `StateFilesParts`. */
  readonly slot?: number
  readonly routers?: SiteParts['routers']
  readonly sockets?: ListeningParts['sockets']
  readonly leave?: ListeningParts['leave']
  /** After this call, a kill would lose sessions, because no other process has them. */
  readonly onTakingUp?: () => void
  readonly demoPath?: string
}

/** Rejects if a port is taken. */
export async function startService({
  config,
  log: ownLog,
  audit,
  store: givenStore,
  counts,
  clock = systemClock,
  place = hostname(),
  socketsFolder,
  lastReload,
  servesMetrics = true,
  slot = 0,
  dns,
  hostMetaPort,
  hashes: givenHashes,
  routers = () => [],
  sockets = new Map(),
  onTakingUp = () => {},
  leave,
  demoPath,
}: ServiceParts) {
  const isOneOfMany = config.redis !== undefined || givenStore !== undefined
  const processName = isOneOfMany ? newProcessName() : undefined
  const log = processName === undefined ? ownLog : ownLog.child({ node: processName })
  const partLogs = createPartLogs(log, config.logLevels)
  const { logFor } = partLogs
  const auditFor: LogFor = part => audit.log.child(processName === undefined ? { part } : { node: processName, part })
  const live = createLiveConfig(config)
  const startedAt = clock.now()
  let stopping: Stopping | undefined
  let listening: Listening | undefined

  const joined =
    processName === undefined
      ? undefined
      : await joinProcesses({
          openStore: events =>
            givenStore === undefined ? openRedis(config, clock, events) : Promise.resolve(givenStore),
          key: config.redis?.sealKey,
          peers: config.peers,
          // During an upgrade, there are twice as many workers.
          ports: Math.max(1, 2 * config.workers),
          name: processName,
          place,
          folder: socketsFolder,
          settings: () => settingsInCommon(live.config),
          clock,
          logFor,
        })
  const others = joined?.peers
  // Without mending, sessions have records too.
  const recordSeconds = config.linkResumeTime || 60
  const takeUp: StoredRecords['takeUp'] = key => records!.takeUp(key)
  const whenArrived = async () => records?.whenArrived()
  const shared = joined && { others: joined.peers, store: joined.store, recordSeconds, takeUp, whenArrived }
  const sums = new MinuteSums(clock)
  const descriptors = new Descriptors()
  const refused = createRefusals({ counts, sums, log })
  const hashes = givenHashes ?? adminHashQueue(refused)
  const sessions = createSessionParts({
    config: live.config,
    spareLinks: config.spareLinks,
    logFor,
    auditFor,
    counts,
    refused,
    clock,
    sums,
    descriptors,
    shared,
    hashes: hashQueue(refused),
    dns,
    hostMetaPort,
  })
  const { registry, own: ownSessions, open, names, makeRate } = sessions
  const { events: receiver } = config
  const events =
    receiver && createEvents({ receiver, proxies: config.proxies, names, clock, counts, sums, log: logFor('events') })

  const fault = () => {
    if (stopping?.isReady !== true) return stopping === undefined ? 'starting' : 'stopping'
    const limit = sessions.fullAt()
    return limit && `${limit} is reached`
  }
  const notice = () => (joined?.store.isUp !== false ? undefined : 'the store that the processes share is away')
  const metrics = createMetrics({
    counts,
    joined,
    clock,
    lastReload,
    census: () => ({
      states: { ...registry.states(), elsewhere: open.elsewhere() },
      ...heldRequests(registry.all()),
    }),
    open: {
      ...open,
      connections: () => listening?.connections ?? 0,
      unreadBytes: () => listening?.unreadBytes ?? 0,
      certificateExpiries: () => new Map([...(listening?.certificateExpiries ?? []), ...open.certificateExpiries()]),
      events: () => events?.waiting ?? 0,
    },
  })
  const lastHour = createLastHour({ clock, counts, registry })
  const capacity = createCapacity({
    config: live.config,
    registry,
    descriptors,
    waiting: sessions.parts.waiting,
    connections: () => listening?.connections ?? 0,
    unreadBytes: () => listening?.unreadBytes ?? 0,
  })
  const pageTokens = await pageTokensOf(config, { names, clock, log: logFor('warm') })
  const keys = secretKeys(() => live.config.sealKeys)
  const formTokens = createFormTokens(keys, Date.now)
  const records: StoredRecords | undefined =
    joined &&
    new StoredRecords({
      store: joined.store,
      keys: () => live.config.sealKeys ?? [],
      clock,
      seconds: recordSeconds,
      isReady: () => stopping?.isReady === true && registry.takesSessions,
      take: record => sites.takeUp(record),
      end: id => void ownSessions.end(id),
      log,
    })
  const sites = createSites(config, {
    sessionParts: sessions.parts,
    tellEvent: events?.tell,
    whereabouts:
      joined &&
      createWhereabouts({
        peers: joined.peers,
        store: joined.store,
        clock,
        takeUp,
        mayTakeUp: () => stopping?.isReady === true && registry.takesSessions,
        isStopping: () => stopping?.hasBegun === true,
        whenSetDown: joined.whenSetDown,
        isLeaving: () => joined.isLeaving,
        areFilesRead: () => files === undefined || clock.now() - startedAt > slowestStart,
      }),
    hashes,
    formTokens,
    wrongTokens: makeRate('wrong-tokens', mostWrongTokens, 60),
    pageTokens,
    callLimits: createCallLimits({
      rates: live.config.rates,
      clock,
      keys,
      makeRate,
      refused,
    }),
    visits: createVisits({
      own: ownSessions,
      tabs: joined?.store.tabs ?? localTabs(),
      shared,
      clock,
      timeout: config.warm.timeout,
    }),
    lastHour,
    numbers: {
      readOverview: createOverview({ others, clock, lastHour, place, registry, capacity }),
      readAudit: createAuditReader(audit.recent, others),
    },
    onCall: call => metrics.recordCall(call),
    isStopping: () => stopping?.hasBegun === true && others?.forNewSession() === undefined,
    routers,
    demoPath,
  })
  const files =
    config.state &&
    stateFiles({
      folder: config.state.folder,
      get keys() {
        return live.config.state!.keys
      },
      slot,
      workers: config.workers,
      version: recordVersion,
      longestOutage: config.linkResumeTime * 1000,
      log,
    })
  const states = (await files?.read()) ?? []
  const note = refusedRequests(clock, logFor('http'), live.config)
  const dispatcher = createDispatcher(createHealthListeners(fault, notice, note), sites.routes, note)

  const address = config.metricsAddress
  let metricsServer: MetricsServer | undefined
  try {
    if (servesMetrics && address) metricsServer = await serveMetrics(address, metrics.text, fault, log)
    await joined?.join(dispatcher, sessions.book!)
    listening = await listen(dispatcher, {
      config: live.config,
      log,
      clock,
      refused,
      note,
      descriptors,
      sockets,
      leave,
    })
  } catch (error) {
    joined?.drain()
    await joined?.leave()
    await joined?.close()
    metricsServer?.close()
    throw error
  }
  if (states.length > 0) onTakingUp()
  // All steps that can fail come first. No `await` may come between `listen` and this call, or requests arrive earlier.
  takeUpFiles(states, sites.takeUp, log)
  records?.begin()
  const stopWatching = watchFailures(counts, clock, log)
  stopping = createStopping({
    drainTime: config.drainTime,
    sessions,
    sites,
    listening,
    events,
    joined,
    records,
    files,
    clock,
    log,
    onStop() {
      records?.stop()
      stopWatching()
      lastHour.stop()
    },
    onStopped() {
      metricsServer?.close()
      sums.close()
    },
  })
  void pageTokens?.prepare()

  const take = (next: Config) => {
    partLogs.take(next.logLevels)
    live.take(next)
    sessions.refresh()
    sites.rebuild(next)
    dispatcher.use(sites.routes)
  }

  return {
    url: listening.urls[0]!,
    urls: listening.urls,
    metricsUrl: metricsServer?.url,
    metrics: metrics.values,
    reopen: () => audit.reopen(),
    /**
     * Reads TLS certificates and the keys of page tokens again. `reloadConfig` has checked `next`. Resolves with false if
     * certificates are unusable.
     */
    async reload(next?: Config, { changed }: { readonly changed?: readonly string[] } = {}): Promise<boolean> {
      audit.reopen()
      if (next !== undefined && changed?.length !== 0) take(next)
      const areCertificatesUsable = listening.reload(next)
      await pageTokens?.reload(next?.pages)
      return areCertificatesUsable
    },
    /** False if the service starts, stops or is full. */
    isReady: () => fault() === undefined,
    counts: () => ({
      sessions: registry.size,
      links: open.links() + open.remotes(),
      forwarded: joined?.requests ?? 0,
    }),
    /** Closes each open connection after one more answer. */
    retire: listening.retire,
    /** Resolves when all sessions that cannot be moved have ended, after DRAIN_TIME, or at a stop. */
    drain: stopping.drain,
    /** Stores or ends sessions, and answers open requests. Resolves within 10 s, plus the time to store sessions. */
    stop: stopping.stop,
  }
}

async function openRedis({ redis }: Config, clock: Clock, events: StoreEvents): Promise<Store> {
  const { redisStore } = await import('../store/redis/redis-store.js')
  return redisStore({ settings: redis!.settings, sealKey: redis!.sealKey, clock, events })
}

async function pageTokensOf(
  { pages, tls, proxies }: Config,
  { names, clock, log }: Pick<DocumentParts, 'names' | 'clock'> & { readonly log: Logger },
): Promise<PageTokens | undefined> {
  if (pages.origins.length === 0) return undefined
  const { createPageTokens } = await import('../warm/connect/page-tokens.js')
  return createPageTokens({
    pages,
    fetchKeys: url => documentFetcher(url, { tls, proxies, names, clock }),
    clock,
    now: Date.now,
    log,
    onFetchFailed(error) {
      const { code, cause } = error instanceof RemoteFault ? error.failure : { code: undefined, cause: error }
      log.warn({ code, cause: codeOf(cause) }, 'the keys of PAGE_TOKEN_JWKS cannot be fetched')
    },
  })
}
