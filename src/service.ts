import type { Router } from 'express'
import type { Logger } from 'pino'
import { FailureShare } from './admin/failure-share.js'
import { answerHealth } from './admin/health.js'
import { createMetrics } from './admin/metrics.js'
import { serveMetrics } from './admin/metrics-server.js'
import { processOpenable, SessionDescriptors } from './bosh/descriptors.js'
import { Flow } from './bosh/flow.js'
import { SessionLimits } from './bosh/limits.js'
import { processMemory, SessionMemory } from './bosh/memory.js'
import { Registry } from './bosh/registry.js'
import { Dialer } from './c2s/dial.js'
import type { Dns } from './c2s/dns.js'
import { Links } from './c2s/links.js'
import { Names } from './c2s/names.js'
import type { Config } from './config/config.js'
import { Counts } from './counts.js'
import { type Listening, listen } from './http/listening.js'
import { UnfinishedBodies } from './http/unfinished-bodies.js'
import { knownSessions } from './known-sessions.js'
import { type Clock, systemClock } from './lib/clock.js'
import { HashQueue } from './lib/hash-queue.js'
import { logOf } from './log.js'
import { SaltedPasswords } from './login/sasl/salted-passwords.js'
import { VerifiedCredentials } from './login/sasl/verified-credentials.js'
import { Remotes } from './remote/remotes.js'
import { createSites } from './sites.js'
import type { Login } from './warm/binding.js'
import { CallLimits } from './warm/call-limits.js'
import { RememberedOffers } from './warm/remembered-offers.js'

/** How long pages that ask nothing at the moment of the stop have to ask and be told, in milliseconds. */
const farewellMilliseconds = 1_000
/** How long all that is open has to end by itself, in milliseconds; the rest is cut off then. */
const stopMilliseconds = 8_000
/** How long that may take, in milliseconds. */
const cutMilliseconds = 1_000

/** A running service. */
export interface Service {
  /** Where it listens, such as `http://127.0.0.1:8080`; the first of all places. */
  readonly url: string
  /** All of them, those without TLS first. */
  readonly urls: readonly string[]
  /** Where its metrics are, such as `http://127.0.0.1:9110/metrics`; undefined where they are nowhere. */
  readonly metricsUrl: string | undefined
  /** What is open in this moment; all zero once everybody has left. */
  counts(): { sessions: number; links: number }
  /** Reads the certificates of the https listener again; whoever is connected stays so. */
  reload(): void
  /**
   * Refuses new sessions, answers every open request, closes the streams and ends, all within ten seconds, whoever does
   * not take part. Asked again, it goes on with that.
   */
  stop(): Promise<void>
}

export interface ServiceParts {
  readonly config: Config
  readonly log: Logger
  /** What is counted; counts of its own unless somebody else counts as well. */
  readonly counts?: Counts
  readonly clock?: Clock
  /** Where names are asked for; the name servers of this machine unless a test has its own. */
  readonly dns?: Dns
  /** Where domains are asked for their host-meta; 443 unless a test has its own. */
  readonly hostMetaPort?: number
  /** Where costly hashes wait for their turn; a queue of its own unless a test has one. */
  readonly hashes?: HashQueue
  /** Further routes, such as the demo's page, made once the login exists. */
  readonly routers?: (parts: { login: Login; release: (id: string) => void }) => readonly Router[]
}

/** Builds the parts from the bottom up, hands each its collaborators, and listens. Rejects if a port is taken. */
export async function startService({
  config,
  log,
  counts = new Counts(),
  clock = systemClock,
  dns,
  hostMetaPort,
  hashes = new HashQueue(),
  routers,
}: ServiceParts): Promise<Service> {
  const anyDomain = config.domains.includes('*')
  const names = new Names({ clock, dns, preferDirectTls: config.preferDirectTls, local: !anyDomain })
  const dialer = new Dialer({ names, clock, publicOnly: anyDomain })
  const { servers, keepalive, tls } = config
  const links = new Links({
    ...{ servers, dialer, keepalive, tls, clock },
    log: logOf(log, 'c2s', config.logLevels),
  })
  const remotes = new Remotes({
    ...{ config, names, tls, clock, hostMetaPort, counts },
    log: logOf(log, 'remote', config.logLevels),
  })
  const registry = new Registry(clock)
  let listening: Listening | undefined
  const metrics = createMetrics({
    ...{ counts, clock },
    census() {
      const here = registry.census()
      return { ...here, states: { ...here.states, elsewhere: remotes.elsewhere.size } }
    },
    open: {
      links: () => links.size,
      remotes: () => remotes.size,
      connections: () => listening?.connections ?? 0,
    },
  })
  const bodies = new UnfinishedBodies({ ...config, clock, log: logOf(log, 'http', config.logLevels) })
  const sites = createSites(config, {
    registry,
    connect: (...about) => remotes.open(...about) ?? links.open(...about),
    elsewhere: domain => remotes.upstreamOf(domain),
    login: {
      offers: config.pipelining
        ? new RememberedOffers(clock, logOf(log, 'warm', config.logLevels))
        : undefined,
      saltedPasswords: new SaltedPasswords(clock, config.warm.scramMemory, undefined, hashes),
      verified: new VerifiedCredentials(clock, config.warm.scramMemory),
      mechanisms: config.mechanisms,
      scramMaxIterations: config.warm.scramMaxIterations,
      timeout: config.warm.timeout,
      stepTimeout: config.warm.stepTimeout,
    },
    sessions: knownSessions(registry, remotes.elsewhere),
    release(id) {
      registry.byId(id)?.abandon('unclaimed')
      remotes.elsewhere.release(id)
    },
    hashes,
    limits: new SessionLimits({
      ...config,
      clock,
      memory: new SessionMemory(clock, processMemory(config.limits.megabytes)),
      descriptors: new SessionDescriptors(processOpenable),
    }),
    flow: new Flow(config.rates),
    bodies,
    callLimits: new CallLimits(config),
    clock,
    log,
    counts,
    called: call => metrics.called(call),
    isStopping: () => isStopping,
    routers: parts => routers?.(parts) ?? [],
  })
  let isReady = false
  let isStopping = false
  let stopped: Promise<void> | undefined
  const { address, maxErrorRate } = config.metrics
  const metricsServer = address && (await serveMetrics(address, { metrics, isReady: () => isReady, log }))
  try {
    listening = await listen(
      answerHealth(() => isReady, sites.listener),
      { config, log },
    )
  } catch (error) {
    metricsServer?.close()
    throw error
  }
  const failureShare = new FailureShare({ counts, most: maxErrorRate, clock, log })
  isReady = true

  const stop = async () => {
    log.info({ sessions: registry.size }, 'stopping')
    failureShare.stop()
    sites.shutDown()
    remotes.shutDown()
    const late = pause(stopMilliseconds)
    await Promise.race([until(() => registry.size === 0), pause(farewellMilliseconds)])
    registry.abandonAll()
    let isClosed = false
    void listening.close().then(() => {
      isClosed = true
    })
    const nothingLeft = () => {
      // Browsers keep connections for later; those that have an answer to come are left to get it.
      listening.closeIdleConnections()
      return isClosed && links.size + remotes.size === 0
    }
    await Promise.race([until(nothingLeft), late])
    listening.closeAllConnections()
    links.stop()
    remotes.close()
    // Connections whose TLS has not come to stand yet are no servers' to close.
    await Promise.race([until(() => isClosed), pause(cutMilliseconds)])
    metricsServer?.close()
    log.info('stopped')
  }

  return {
    url: listening.urls[0]!,
    urls: listening.urls,
    metricsUrl: metricsServer?.url,
    reload: () => listening.reload(),
    counts: () => ({ sessions: registry.size, links: links.size + remotes.size }),
    stop() {
      isReady = false
      isStopping = true
      stopped ??= stop()
      return stopped
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(20)
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds).unref())
}
