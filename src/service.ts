import { hostname } from 'node:os'
import type { Logger } from 'pino'
import { heldRequests } from './browsers/bosh/bosh-client.js'
import type { Config } from './config/config.js'
import { settingsInCommon } from './config/serving.js'
import { createEvents } from './events/events.js'
import { createFormTokens, formKeyOf } from './http/access/form-tokens.js'
import { createDispatcher } from './http/listening/dispatch.js'
import { type Listening, listen } from './http/listening/listening.js'
import { type Clock, systemClock } from './lib/clock.js'
import { Counts } from './lib/counts.js'
import { hashQueue } from './lib/limits/hash-queue.js'
import { createRefusals } from './lib/limits/reached-limits.js'
import { type LogFor, logOf } from './lib/log.js'
import { version } from './lib/package-json.js'
import type { StartCarrier } from './processes/carriers/carrier.js'
import { drained } from './processes/draining.js'
import { newNodeName } from './processes/node-name.js'
import { startNodes } from './processes/start-nodes.js'
import { createSites, type SiteParts } from './sites.js'
import { createUpstream, type UpstreamParts } from './upstream.js'
import { createCallLimits } from './warm/call-limits.js'
import { processes } from './warm/processes.js'
import { RecentWarms } from './warm/recent-warms.js'
import { watchFailures } from './watching/failure-share.js'
import { createHealthListeners } from './watching/health.js'
import type { AuditTrail } from './watching/logs.js'
import { createMetrics } from './watching/metrics.js'
import { type MetricsServer, serveMetrics } from './watching/metrics-server.js'

/** How many wrong tokens over WebSocket a client may show in a minute before it has to wait for the answers. */
const mostWrongTokens = 10
/** How long pages with no request open have to send one and be told of the stop, in milliseconds. */
const farewellMilliseconds = 1_000
/** How long the last answers of other processes have to come through, in milliseconds. */
const carriedMilliseconds = 250
/** How long everything open has to end by itself, in milliseconds; the rest is cut off then. */
const stopMilliseconds = 8_000
/** How long cutting off may take, in milliseconds. */
const cutMilliseconds = 1_000

/** A running service. */
export type Service = Awaited<ReturnType<typeof startService>>

/** What it is made of; counts, a clock and a queue of hashes are its own unless a test has others. */
export interface ServiceParts
  extends Pick<UpstreamParts, 'config' | 'dns' | 'hostMetaPort'>,
    Partial<Pick<UpstreamParts, 'counts' | 'clock' | 'hashes'>> {
  readonly log: Logger
  readonly audit: AuditTrail
  /** What carries to other processes of the service, before the NATS of the settings is asked. */
  readonly carriers?: readonly StartCarrier[]
  /** Where it runs, as other processes and operators are told; the name of the machine unless it is one of several there. */
  readonly place?: string
  /** Further routes, such as the demo's page, made once the login exists. */
  readonly routers?: SiteParts['routers']
  /** Where the demo's page is among them. */
  readonly demoPath?: string
}

/** Builds the parts from the bottom up, hands each its collaborators, and listens. Rejects if a port is taken. */
export async function startService({
  config,
  log: ownLog,
  audit,
  carriers: own = [],
  counts = new Counts(),
  clock = systemClock,
  place = hostname(),
  dns,
  hostMetaPort,
  hashes = hashQueue(),
  routers = () => [],
  demoPath,
}: ServiceParts) {
  const isOneOfMany = own.length > 0 || config.nats !== undefined
  const processName = isOneOfMany ? newNodeName() : undefined
  const log = processName === undefined ? ownLog : ownLog.child({ node: processName })
  const logFor: LogFor = part => logOf(log, part, config.logLevels)
  const auditFor: LogFor = part =>
    audit.log.child(processName === undefined ? { part } : { node: processName, part })
  let isReady = false
  let draining: Promise<void> | undefined
  let stopped: Promise<void> | undefined
  let listening: Listening | undefined

  const nodes =
    processName === undefined
      ? undefined
      : await startNodes({
          carriers: [...own, ...(await natsOf(config, clock, logFor))],
          clock,
          log: logFor('nodes'),
          name: processName,
          about: { place, version, settings: settingsInCommon(config) },
          onUnanswered: reason => {
            counts.unanswered[reason] += 1
          },
        })
  const refused = createRefusals({ counts, clock, log })
  const upstream = createUpstream({
    config,
    logFor,
    auditFor,
    counts,
    refused,
    clock,
    nodes,
    hashes,
    dns,
    hostMetaPort,
  })
  const { registry, open, names, makeRate } = upstream
  const { events: receiver } = config
  const events = receiver && createEvents({ receiver, names, clock, counts, log: logFor('events') })

  // What HTTP clients talk to.
  const takesSessions = () => isReady && !upstream.isFull()
  const metrics = createMetrics({
    counts,
    nodes,
    clock,
    census: () => ({
      states: { ...registry.states(), elsewhere: open.elsewhere() },
      ...heldRequests(registry.clients()),
    }),
    open: {
      ...open,
      connections: () => listening?.connections ?? 0,
      unreadBytes: () => listening?.unreadBytes ?? 0,
      events: () => events?.waiting ?? 0,
    },
  })
  const recentWarms = new RecentWarms(clock)
  const sites = createSites(config, {
    ...upstream.parts,
    nodes,
    hashes,
    formTokens: createFormTokens(await formKeyOf(config.admins, isOneOfMany), Date.now),
    tellEvent: events?.tell,
    wrongTokens: makeRate('wrong-tokens', mostWrongTokens, 60),
    callLimits: createCallLimits(config, refused, makeRate, clock, nodes),
    recentWarms,
    lookAtProcesses: processes({ nodes, clock, recentWarms, place, registry }),
    onCall: call => metrics.recordCall(call),
    isStopping: () => stopped !== undefined,
    routers,
    demoPath,
  })
  const dispatcher = createDispatcher({ everywhere: createHealthListeners(takesSessions), ...sites })

  const { address, maxErrorRate } = config.metrics
  let metricsServer: MetricsServer | undefined
  try {
    metricsServer = address && (await serveMetrics(address, metrics.text, takesSessions, log))
    listening = await listen(dispatcher, { config, log, clock, refused })
  } catch (error) {
    await nodes?.close()
    metricsServer?.close()
    throw error
  }
  const stopWatching = watchFailures(counts, maxErrorRate, clock, log)
  isReady = true

  const stop = async () => {
    log.info({ sessions: registry.size }, 'stopping')
    stopWatching()
    sites.shutDown()
    upstream.shutDown()
    const late = pause(stopMilliseconds)
    await Promise.race([until(() => registry.size === 0), pause(farewellMilliseconds)])
    // Those that are stopped at the same time take leave of their clients, of whom some wait here.
    if (nodes !== undefined) await pause(carriedMilliseconds)
    registry.abandonAll()
    // What is held here for sessions of other processes is let go: its clients ask again, and elsewhere.
    const left = nodes?.close()
    const told = events?.stop()
    const closed = listening.close()
    // Browsers keep connections for later requests; those that wait for a reply are left open until it is sent.
    const closing = setInterval(listening.closeIdleConnections, 20)
    await Promise.race([Promise.all([closed, told, left, until(upstream.isEmpty)]), late])
    clearInterval(closing)
    listening.closeAllConnections()
    upstream.close()
    // Node's servers close no connection whose TLS handshake is not done.
    await Promise.race([closed, pause(cutMilliseconds)])
    metricsServer?.close()
    log.info('stopped')
  }

  const drain = async () => {
    const { drainTime: seconds } = config
    if (seconds === 0 || stopped !== undefined) return
    isReady = false
    log.info({ sessions: registry.size, seconds }, 'draining')
    upstream.drain()
    const isStopping = () => stopped !== undefined
    await drained({ seconds, registry, listening, nodes, clock, isStopping })
  }

  return {
    /** The first address that it listens at, such as `http://127.0.0.1:8080`. */
    url: listening.urls[0]!,
    /** All of them, those without TLS first. */
    urls: listening.urls,
    /** Where its metrics are, such as `http://127.0.0.1:9110/metrics`; undefined where they are not served. */
    metricsUrl: metricsServer?.url,
    /** All metrics of this process, in Prometheus' text format. */
    metrics: metrics.text,
    /** Reads the certificates of the https listener again, and opens the file of the audit trail again; connections stay open. */
    reload() {
      audit.reopen()
      listening.reload()
    },
    /** Whether it takes new sessions: it is neither full nor being stopped. */
    isReady: takesSessions,
    /** What is open at the moment. */
    counts: () => ({ sessions: registry.size, links: open.links() + open.remotes() }),
    /** Takes no new connections, and leaves those that are open, each after one more answer: other processes have them. */
    retire: listening.retire,
    /**
     * Refuses new sessions, and leaves alone those that there are. Resolves once they have ended, the time for it is over,
     * or the service is stopped; at once where the settings give it no time.
     */
    drain(): Promise<void> {
      draining ??= drain()
      return draining
    },
    /**
     * Refuses new sessions, answers every open request, closes the streams and ends, within ten seconds whatever clients
     * and servers do. Called again, it returns the promise of the first call.
     */
    stop(): Promise<void> {
      isReady = false
      stopped ??= stop()
      return stopped
    },
  }
}

/** NATS, which takes no memory where it is not used. */
async function natsOf({ nats }: Config, clock: Clock, logFor: LogFor): Promise<readonly StartCarrier[]> {
  if (nats === undefined) return []
  const { natsCarrier } = await import('./processes/carriers/nats-carrier.js')
  return [natsCarrier({ settings: nats, log: logFor('nodes'), clock })]
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(20)
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds).unref())
}
