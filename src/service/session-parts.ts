import type { TransportParts } from '../browsers/transport-parts.js'
import type { Config } from '../config/config.js'
import { UnfinishedBodies } from '../http/bodies/unfinished-bodies.js'
import { hashQueue } from '../lib/limits/hash-queue.js'
import { KeyedQueue } from '../lib/limits/keyed-queue.js'
import { memoryAllows, memoryForWaiting, memoryMeasure } from '../lib/limits/memory.js'
import { type MakeRate, ownRates } from '../lib/limits/rates.js'
import { refusalLog } from '../lib/limits/refusal-log.js'
import { WaitingMemory } from '../lib/limits/waiting-memory.js'
import { traceOf } from '../lib/log.js'
import { createRemotes } from '../remote/remotes.js'
import { createDialer } from '../servers/c2s/dial.js'
import { createLinks } from '../servers/c2s/links.js'
import { CreatedAccounts, mostAccountsPerSecond } from '../servers/login/created-accounts.js'
import { createFastTokens } from '../servers/login/fast-tokens.js'
import type { LoginParts } from '../servers/login/login.js'
import { operatorLogin } from '../servers/login/login-request.js'
import { createPipeliningMemory } from '../servers/login/pipelining-memory.js'
import { createSaltedPasswords } from '../servers/login/sasl/salted-passwords.js'
import { createNameLookup } from '../servers/net/name-lookup.js'
import { createServerStates, probeBy } from '../servers/net/server-states.js'
import { createShownCertificates } from '../servers/net/shown-certificates.js'
import { freeMemory } from '../session/limits/freeing-memory.js'
import { SessionLimits, shareOfWarmCalls } from '../session/limits/session-limits.js'
import { UserLimit } from '../session/limits/user-limit.js'
import { unmendedLinks } from '../session/link/mending.js'
import { LoginDelays } from '../session/logins/login-delays.js'
import { allSessions } from '../session/registry/all-sessions.js'
import { OwnSessions } from '../session/registry/own-sessions.js'
import { RecordWriter } from '../session/registry/record-writer.js'
import { Registry } from '../session/registry/registry.js'
import { SessionBook } from '../session/registry/session-book.js'
import { StoredRecords } from '../session/registry/stored-records.js'
import type { CommonParts } from '../session/session-keeper.js'
import { sessionLog } from '../session/session-log.js'
import type { SessionRecord } from '../session/session-record.js'
import { withULabels } from '../xmpp/jid/domains.js'
import type { OpenLink } from '../xmpp/link.js'
import type { JoinedProcesses } from './joined-processes.js'
import type { Base } from './process-base.js'

/** Above this share of descriptors or memory, no spare links are dialled. */
const mostUsedWithSpares = 0.8
const mostMendedAtOnce = 64
/** Above this number of wrong tokens a minute, answers to the client are delayed. */
const mostWrongTokens = 10

export type SessionParts = ProcessSessions['parts']

export interface ProcessParts {
  readonly base: Base
  /** Takes up a session that another process has set down. Returns false if it ends. */
  readonly takeUp: (record: SessionRecord) => boolean
  /** Default: 443. */
  readonly hostMetaPort?: number | undefined
}

/** For hashes of passwords. */
const rememberedSeconds = 300

export type ProcessSessions = ReturnType<typeof createSessionParts>

/** Links, sessions and logins of this process. */
export function createSessionParts(given: ProcessParts) {
  const { base } = given
  const { live, logFor, counts, refused, clock, sums, phase, joined } = base
  const { config } = live
  const registry = new Registry(clock, phase)
  const waiting = waitingMemory(base, registry)
  const measure = memoryMeasure(clock, () => config.limits.megabytes, config.workers)
  const linking = createLinking(given, waiting, measure)
  const { names, isNamed, connect } = linking
  const { elsewhere, openThere } = linking.remotes
  const { makeRate, limits, loginDelays, userLimit, bodies } = createLimiting(base, registry, measure)
  const own = new OwnSessions(registry, elsewhere)
  const shared = joined && sharedBy(joined, given, own)
  const book =
    joined &&
    new SessionBook({
      self: joined.peers.self,
      store: joined.store,
      registry,
      elsewhere,
      countedClient: session => limits.countedClient(session),
      report: error => logFor('store').error(traceOf(error), 'a session was not written to the store'),
    })
  registry.book = book
  registry.kept = joined && recordWriter(joined, base)
  const maxStanzaBytes = config.limits.stanzaBytes
  const log = sessionLog(logFor, sums, counts)
  const common: CommonParts = {
    clock,
    processName: joined?.peers.self,
    counts,
    maxStanzaBytes,
    refused,
    serverMilliseconds: config.serverTimeout === 0 ? undefined : config.serverTimeout * 1000,
    waiting,
    byteRate: config.rates,
    connect,
    unmended: unmendedLinks(sums, logFor('c2s'), isNamed),
    registry,
    limits,
    loginDelays,
    userLimit,
    log,
  }
  const login = loginParts(base)
  const accounts = accountsBy(base, login, connect, makeRate)
  const transport: TransportParts = { clock, counts, maxStanzaBytes, refused, bodies, report: log.report }
  const parts = {
    common,
    transport,
    pseudonym: base.pseudonym,
    wrongTokens: makeRate('wrong-tokens', mostWrongTokens, 60),
    noteBoshRefusal: refusalLog(sums, logFor('bosh'), 'a BOSH client was refused'),
    noteWebSocketRefusal: refusalLog(sums, logFor('websocket'), 'a WebSocket client was refused'),
    notePageRefusal: refusalLog(sums, logFor('warm'), 'a client was refused'),
    sessions: allSessions({ own, clock, shared, book }),
    mend: mendingOf(config, connect),
    openThere,
    login,
    accounts,
    endUnclaimed(id: string): void {
      registry.byId(id)?.end('unclaimed', 'silent')
      elsewhere.endUnclaimed(id)
    },
  }
  return {
    parts,
    registry,
    own,
    shared,
    book,
    names,
    makeRate,
    linking,
    refresh(): void {
      waiting.most = memoryForWaiting(config.limits.megabytes, config.workers)
      linking.links.spares.drop()
    },
  }
}

function waitingMemory({ live, refused }: Base, registry: Registry): WaitingMemory {
  const { limits, workers } = live.config
  const waiting = new WaitingMemory(memoryForWaiting(limits.megabytes, workers), () => {
    freeMemory(registry.all(), waiting, ({ id, domain }) => {
      refused('waiting', { session: id, domain: withULabels(domain) })
    })
  })
  return waiting
}

function sharedBy({ peers, store }: JoinedProcesses, { base, takeUp }: ProcessParts, own: OwnSessions) {
  const { live, clock, phase, log } = base
  // Without mending, sessions have records too.
  const recordSeconds = live.config.linkResumeTime || 60
  const records = new StoredRecords({
    self: peers.self,
    store,
    keys: () => live.config.sealKeys ?? [],
    clock,
    seconds: recordSeconds,
    phase,
    take: takeUp,
    end: id => void own.end(id),
    log,
  })
  return { others: peers, store, recordSeconds, records }
}

/** Undefined if no records of live sessions are stored. */
function recordWriter({ peers, store }: JoinedProcesses, { live, clock, logFor }: Base) {
  if (!live.config.persist || live.config.linkResumeTime === 0) return undefined
  return new RecordWriter({
    self: peers.self,
    store,
    keys: () => live.config.sealKeys ?? [],
    clock,
    seconds: live.config.linkResumeTime,
    report: error => logFor('store').error(traceOf(error), 'sessions were not recorded'),
  })
}

function createLinking({ base, hostMetaPort }: ProcessParts, waiting: WaitingMemory, measure: () => number) {
  const { live, logFor, counts, refused, phase, clock, descriptors, joined } = base
  const { config } = live
  const { spareLinks } = config
  const anyDomain = config.domains.includes('*')
  const names = createNameLookup({ clock, local: !anyDomain })
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
    config,
    dialer: createDialer({ names, clock, publicOnly: anyDomain, descriptors, states: serverStates, onExhausted }),
    certificates,
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
    clock,
    hostMetaPort,
    counts,
    phase,
    waiting,
    states: endpointStates,
    onExhausted,
    log: logFor('remote'),
    processName: joined?.peers.self,
    pseudonym: base.pseudonym,
  })
  return {
    names,
    isNamed,
    connect,
    links,
    remotes,
    certificates,
    servers: () => [...serverStates.rows, ...endpointStates.rows],
    isEmpty: () => links.size + remotes.size === 0,
    shutDown(): void {
      serverStates.close()
      endpointStates.close()
      links.spares.close()
      remotes.shutDown()
    },
    close(): void {
      links.stop()
      remotes.close()
    },
  }
}

function createLimiting(
  { live, auditFor, counts, refused, clock, sums, descriptors, joined }: Base,
  registry: Registry,
  measure: (share?: number) => number,
) {
  const { config } = live
  const makeRate = joined?.store.rate ?? ownRates
  const shared = joined && {
    self: joined.peers.self,
    store: joined.store,
    onAlone() {
      counts.countedAlone += 1
    },
  }
  const limits = new SessionLimits({
    config,
    makeRate,
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
    loginDelays: new LoginDelays({
      config,
      makeRate,
      counts,
      refused,
      clock,
      sums,
      audit: auditFor('login'),
    }),
    userLimit: new UserLimit({ most: () => config.limits.sessionsPerJid, registry, refused, shared }),
    bodies: new UnfinishedBodies({ config, refused }),
  }
}

function mendingOf(config: Config, connect: OpenLink) {
  if (config.linkResumeTime === 0) return undefined
  return {
    connect,
    longest: config.linkResumeTime * 1000,
    queue: new KeyedQueue(mostMendedAtOnce),
    operatorLogin: (domain: string) => operatorLogin(config, domain),
  }
}

function accountsBy(
  { live, refused, counts, auditFor }: Base,
  login: LoginParts,
  connect: OpenLink,
  makeRate: MakeRate,
) {
  const rate = makeRate('accounts', mostAccountsPerSecond, 1)
  return new CreatedAccounts({ config: live.config, login, connect, rate, refused, counts, audit: auditFor('login') })
}

function loginParts({ live, logFor, clock, refused }: Base) {
  const { config } = live
  const { warm, linkResumeTime } = config
  return {
    log: logFor('login'),
    timeout: warm.timeout,
    stepTimeout: warm.stepTimeout,
    scramMaxIterations: warm.scramMaxIterations,
    linkResumeSeconds: linkResumeTime || undefined,
    pipelining: createPipeliningMemory(clock, logFor('login')),
    saltedPasswords: createSaltedPasswords(clock, linkResumeTime > 0 ? rememberedSeconds : 0, hashQueue(refused)),
    tokens: createFastTokens(),
    mechanisms: config.mechanisms,
  }
}
