import type { Config } from '../config/config.js'
import { accountFor } from '../config/serving.js'
import { UnfinishedBodies } from '../http/bodies/unfinished-bodies.js'
import type { Clock } from '../lib/clock.js'
import { type Counts, sessionLimits } from '../lib/counts.js'
import type { Descriptors } from '../lib/limits/descriptors.js'
import { KeyedQueue } from '../lib/limits/keyed-queue.js'
import { memoryAllows, memoryForWaiting, memoryMeasure } from '../lib/limits/memory.js'
import type { MinuteSums } from '../lib/limits/minute-sums.js'
import { ownRates } from '../lib/limits/rates.js'
import type { OnRefused } from '../lib/limits/reached-limits.js'
import { WaitingMemory } from '../lib/limits/waiting-memory.js'
import type { WorkQueue } from '../lib/limits/work-queue.js'
import { type LogFor, traceOf } from '../lib/log.js'
import { createRemotes } from '../remote/remotes.js'
import { createDialer } from '../servers/c2s/dial.js'
import { createLinks } from '../servers/c2s/links.js'
import { createFastTokens } from '../servers/login/fast-tokens.js'
import { createPipeliningMemory } from '../servers/login/pipelining-memory.js'
import { createSaltedPasswords } from '../servers/login/sasl/salted-passwords.js'
import type { Dns } from '../servers/net/dns.js'
import { createNameLookup } from '../servers/net/name-lookup.js'
import { createServerStates, probeBy } from '../servers/net/server-states.js'
import { createShownCertificates } from '../servers/net/shown-certificates.js'
import { freeMemory } from '../session/limits/freeing-memory.js'
import { SessionLimits, shareOfWarmCalls } from '../session/limits/session-limits.js'
import { UserLimit } from '../session/limits/user-limit.js'
import { unmendedLinks } from '../session/link/mending.js'
import { RefusedLogins } from '../session/logins/refused-logins.js'
import { OwnSessions } from '../session/registry/own-sessions.js'
import { Registry } from '../session/registry/registry.js'
import { SessionBook } from '../session/registry/session-book.js'
import { type Shared, storedSessions } from '../session/registry/stored-sessions.js'
import type { Store } from '../store/store.js'
import { withULabels } from '../xmpp/jid/domains.js'
import type { OpenLink } from '../xmpp/link.js'

/** Above this share of descriptors or memory, no spare links are dialled. */
const mostUsedWithSpares = 0.8
const mostMendedAtOnce = 64

export type SessionParts = ProcessSessions['parts']

export interface ProcessParts {
  /** A reload changes its values (`live-config.ts`). */
  readonly config: Config
  readonly spareLinks: number
  readonly logFor: LogFor
  readonly auditFor: LogFor
  readonly counts: Counts
  readonly refused: OnRefused
  readonly clock: Clock
  readonly sums: MinuteSums
  readonly descriptors: Descriptors
  /** Undefined with one process. */
  readonly shared?: (Shared & { readonly store: Store }) | undefined
  readonly hashes: WorkQueue
  readonly dns?: Dns | undefined
  readonly hostMetaPort?: number | undefined
}

/** For hashes of passwords. */
const rememberedSeconds = 300

export type ProcessSessions = ReturnType<typeof createSessionParts>

/** Links, sessions and logins of this process. */
export function createSessionParts(given: ProcessParts) {
  const { config, logFor, auditFor, counts, refused, clock, sums, shared } = given
  const registry = new Registry(clock)
  const waiting = new WaitingMemory(memoryForWaiting(config.limits.megabytes, config.workers), () => {
    freeMemory(registry.all(), waiting, ({ id, domain }) => {
      refused('waiting', { session: id, domain: withULabels(domain) })
    })
  })
  const measure = memoryMeasure(clock, () => config.limits.megabytes, config.workers)
  const linking = createLinking(given, waiting, measure)
  const { names, isNamed, connect, remotes } = linking
  const { makeRate, ...limiting } = createLimiting(given, registry, measure)
  const own = new OwnSessions(registry, remotes.elsewhere)
  const book =
    shared &&
    new SessionBook({
      self: shared.others.self,
      store: shared.store,
      registry,
      elsewhere: remotes.elsewhere,
      countedClient: session => limiting.limits.countedClient(session),
      report: error => logFor('store').error(traceOf(error), 'a session was not written to the store'),
    })
  registry.book = book
  const parts = {
    ...limiting,
    registry,
    sessions: storedSessions({ own, clock, shared: shared && book && { ...shared, book } }),
    maxStanzaBytes: config.limits.stanzaBytes,
    byteRate: config.rates,
    unmended: unmendedLinks({ sums, log: logFor('c2s'), isNamed }),
    waiting,
    connect,
    mend: mendingOf(config, connect),
    openThere: remotes.openThere,
    login: loginParts(given),
    endUnclaimed(id: string): void {
      registry.byId(id)?.end('unclaimed', 'silent')
      remotes.elsewhere.endUnclaimed(id)
    },
    logFor,
    auditFor,
    counts,
    refused,
    clock,
    sums,
    processName: shared?.others.self,
    serverMilliseconds: config.serverTimeout === 0 ? undefined : config.serverTimeout * 1000,
  }
  return { parts, registry, own, book, names, makeRate, ...controlsOf(config, parts, linking) }
}

function controlsOf(
  config: Config,
  { registry, waiting, limits }: { registry: Registry; waiting: WaitingMemory; limits: SessionLimits },
  { links, remotes, certificates, states }: ReturnType<typeof createLinking>,
) {
  return {
    open: {
      links: () => links.size,
      remotes: () => remotes.size,
      elsewhere: () => remotes.elsewhere.size,
      certificateExpiries: () => certificates.expiries,
      servers: () => states.flatMap(({ rows }) => rows),
      waitingBytes: () => waiting.bytes,
    },
    isEmpty: () => links.size + remotes.size === 0,
    fullAt() {
      const refusal = limits.refusal(registry.size)
      return refusal && sessionLimits[refusal]
    },
    refresh(): void {
      waiting.most = memoryForWaiting(config.limits.megabytes, config.workers)
      links.dropSpares()
    },
    drain(): void {
      registry.isDraining = true
      links.closeSpares()
      remotes.drain()
    },
    shutDown(): void {
      registry.shutDown()
      for (const each of states) each.close()
      links.closeSpares()
      remotes.shutDown()
    },
    close(): void {
      links.stop()
      remotes.close()
    },
  }
}

function createLinking(given: ProcessParts, waiting: WaitingMemory, measure: () => number) {
  const { config, spareLinks, logFor, counts, refused, clock, descriptors, shared, dns, hostMetaPort } = given
  const { tls } = config
  const anyDomain = config.domains.includes('*')
  const names = createNameLookup({ clock, dns, local: !anyDomain })
  const connect: OpenLink = (domain, options, events) =>
    remotes.open(domain, options, events) ?? links.open(domain, options, events)
  const isNamed = (domain: string) => config.domains.includes(domain) || config.remotes.has(domain)
  const probe = probeBy(connect)
  const statesFor = (part: 'c2s' | 'remote', hasEntry: (domain: string) => boolean) =>
    createServerStates({ clock, log: logFor(part), hasEntry, isNamed, probe })
  const serverStates = statesFor('c2s', domain => config.servers.has(domain))
  const endpointStates = statesFor('remote', domain => config.remotes.has(domain))
  const onExhausted = (about: object) => refused('local-ports', about)
  const descriptorsAllowSpares = descriptors.room(0, 1 - mostUsedWithSpares)
  const certificates = createShownCertificates({
    clock,
    isNamed: domain => isNamed(domain) || config.servers.has(domain),
  })
  const links = createLinks({
    get servers() {
      return config.servers
    },
    dialer: createDialer({ names, clock, publicOnly: anyDomain, descriptors, states: serverStates, onExhausted }),
    certificates,
    tls,
    clock,
    stepSeconds: config.warm.stepTimeout,
    spare: {
      most: spareLinks,
      hasRoom: () => descriptorsAllowSpares() && measure() < mostUsedWithSpares,
    },
    waiting,
    log: logFor('c2s'),
  })
  const remotes = createRemotes({
    config,
    names,
    tls,
    clock,
    hostMetaPort,
    counts,
    waiting,
    states: endpointStates,
    onExhausted,
    log: logFor('remote'),
    processName: shared?.others.self,
  })
  return { names, isNamed, connect, links, remotes, certificates, states: [serverStates, endpointStates] }
}

function createLimiting(given: ProcessParts, registry: Registry, measure: (share?: number) => number) {
  const { config, auditFor, counts, refused, clock, sums, descriptors, shared: others } = given
  const trustedProxies = { hasProxy: (address: string) => config.trustedProxies.hasProxy(address) }
  const makeRate = others?.store.rate ?? ownRates
  const rules = { limits: config.limits, rates: config.rates, trustedProxies, makeRate, counts, refused, clock, sums }
  const shared = others && {
    self: others.others.self,
    store: others.store,
    onAlone() {
      counts.countedAlone += 1
    },
  }
  const limits = new SessionLimits({
    ...rules,
    bosh: config.bosh,
    shared,
    resources: { memoryAllows: memoryAllows(clock, measure), descriptorsAreLeft: descriptors.room() },
    resourcesOfClients: {
      memoryAllows: memoryAllows(clock, () => measure(1 - shareOfWarmCalls)),
      descriptorsAreLeft: descriptors.room(undefined, shareOfWarmCalls),
    },
  })
  return {
    makeRate,
    limits,
    refusedLogins: new RefusedLogins({ ...rules, audit: auditFor('login') }),
    userLimit: new UserLimit({ most: () => config.limits.sessionsPerJid, registry, refused, shared }),
    bodies: new UnfinishedBodies(rules),
  }
}

function mendingOf(config: Config, connect: OpenLink) {
  if (config.linkResumeTime === 0) return undefined
  return {
    connect,
    longest: config.linkResumeTime * 1000,
    queue: new KeyedQueue(mostMendedAtOnce),
    accountOf: (domain: string) => accountFor(config.serviceAccounts, domain),
  }
}

function loginParts({ config, logFor, clock, hashes }: ProcessParts) {
  const { warm, linkResumeTime } = config
  return {
    log: logFor('login'),
    timeout: warm.timeout,
    stepTimeout: warm.stepTimeout,
    scramMaxIterations: warm.scramMaxIterations,
    linkResumeSeconds: linkResumeTime || undefined,
    pipelining: config.pipelining ? createPipeliningMemory(clock, logFor('login')) : undefined,
    saltedPasswords: createSaltedPasswords(clock, linkResumeTime > 0 ? rememberedSeconds : 0, hashes),
    tokens: createFastTokens(),
    mechanisms: config.mechanisms,
  }
}
