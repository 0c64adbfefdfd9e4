// The same service for each host name, with its own domain and addresses.
import type { RequestListener } from 'node:http'
import type { Express, Router } from 'express'
import { type AppParts, createApp, createMisdirectedApp, createPagesApp } from './app.js'
import type { CookieRules } from './browsers/bosh/attach-cookie.js'
import { type CarriedRequests, createCarriedRequests } from './browsers/bosh/carried-requests.js'
import { type ConnectionManager, createConnectionManager } from './browsers/bosh/connection-manager.js'
import { createCors } from './browsers/bosh/http-reply.js'
import { createBoshListener, type ListenerParts } from './browsers/bosh/listener.js'
import { SocketCarriage } from './browsers/websocket/socket-carriage.js'
import {
  createWebSocketEndpoint,
  type EndpointParts,
  type WebSocketEndpoint,
} from './browsers/websocket/websocket-endpoint.js'
import type { Config, HttpHost } from './config/config.js'
import { configOfHost, pathOf, siteName, takeoverPath, urlOfDomain } from './config/serving.js'
import { accessBy, type Entrance } from './http/access/client-rules.js'
import { homePath, redirectBase, secureBase } from './http/addresses.js'
import { answerBare } from './http/answers/bare-answer.js'
import { createEndpointPage } from './http/answers/endpoint-page.js'
import type { DispatchTable, Endpoint, Routes } from './http/listening/dispatch.js'
import { MinuteSums } from './lib/limits/minute-sums.js'
import type { LogFor } from './lib/log.js'
import type { Nodes } from './processes/nodes.js'
import type { LoginParts } from './servers/login/login.js'
import { createOpener, type Opener, type OpenerParts } from './session/opener.js'
import type { SessionRecord } from './session/session-record.js'
import type { Open, Opening } from './session/session-types.js'
import { type CarriedLogins, createCarriedLogins } from './warm/carried-logins.js'
import type { PageTokens } from './warm/pages/page-tokens.js'
import { createLogins, type Logins, type MendParts, managementFrom } from './warm/session-login.js'
import { allowsDomain } from './xmpp/jid/domains.js'

/** With long stanzas, the limit is two stanzas. */
const leastBodyBytes = 512 * 1024

export interface SessionParts
  extends Omit<OpenerParts, 'domains' | 'retiredDomains' | 'issuesTickets' | 'tellEvent' | 'log' | 'webSocketLog'>,
    Pick<ListenerParts, 'bodies'> {
  /** At another endpoint. Undefined for domains served here. */
  readonly openThere: (...about: Parameters<Open>) => Opening | undefined
  readonly login: LoginParts
  readonly mend: MendParts | undefined
  readonly logFor: LogFor
  readonly auditFor: LogFor
}

export interface SiteParts
  extends Pick<
      AppParts,
      | 'formTokens'
      | 'hashes'
      | 'visits'
      | 'recentWarms'
      | 'readOverview'
      | 'readHour'
      | 'readAudit'
      | 'readFailures'
      | 'streams'
      | 'onCall'
      | 'isStopping'
      | 'demoPath'
    >,
    Pick<EndpointParts, 'wrongTokens'>,
    Pick<OpenerParts, 'tellEvent'> {
  readonly upstream: SessionParts & Pick<AppParts, 'sessions' | 'endUnclaimed'>
  readonly nodes?: Nodes | undefined
  readonly callLimits: AppParts['limits']
  /** Undefined: no tokens. */
  readonly pageTokens?: PageTokens | undefined
  readonly routers: (parts: Pick<AppParts, 'login' | 'endUnclaimed' | 'sessions' | 'visits'>) => readonly Router[]
}

export interface Sites {
  /** Changes with `rebuild`. */
  readonly routes: Pick<DispatchTable, 'hosts' | 'otherHosts'>
  /** Sessions keep what they have. */
  rebuild(config: Config): void
  shutDown(): void
  close(): void
  /** Logins by other processes, for calls here. */
  hasCarriedLogins(): boolean
  takeUp(before: SessionRecord): boolean
}

export function createSites(first: Config, shared: SiteParts): Sites {
  const { nodes } = shared
  const { registry, clock, refused, endUnclaimed } = shared.upstream
  const carriage = nodes && new SocketCarriage(nodes)
  const isDraining = () => registry.isDraining
  const carriedRequests = nodes && createCarriedRequests(nodes, clock, isDraining, refused)
  let { serviceAccounts } = first
  const carriedLogins =
    nodes &&
    createCarriedLogins({
      nodes,
      clock,
      isDraining,
      serviceAccounts: () => serviceAccounts,
      timeout: first.warm.timeout,
      endUnclaimed,
    })
  const carried = { shared, carriage, carriedRequests, carriedLogins }
  let newest = buildSites(first, carried)
  let before: Built | undefined
  return {
    get routes() {
      return newest.routes
    },
    rebuild(config) {
      before?.sums.close()
      before = newest
      serviceAccounts = config.serviceAccounts
      newest = buildSites(config, carried)
      // Processes with the earlier settings still use these names.
      const names = new Set([...before.names, ...newest.names])
      for (const one of [carriage, carriedRequests, carriedLogins]) one?.keep(names)
    },
    shutDown() {
      for (const endpoint of [...(before?.endpoints ?? []), ...newest.endpoints]) endpoint.shutDown()
      carriage?.shutDown()
    },
    close() {
      before?.sums.close()
      newest.sums.close()
    },
    hasCarriedLogins: () => carriedLogins?.areUnderWay === true,
    takeUp(before) {
      const { login, mend } = shared.upstream
      const own = newest.sessions.find(({ domains }) => allowsDomain(domains, before.domain))
      const management = mend && managementFrom(login, mend, before.link.again)
      const isTaken =
        own !== undefined &&
        management !== undefined &&
        own.opener.takeUp(before, session => own.manager.takeUp(session, before.client), management)
      if (!isTaken) {
        management?.mending?.wipe()
        // The earlier process sent no event about this end.
        shared.tellEvent?.('session.ended', before, 'shutdown')
      }
      return isTaken
    },
  }
}

function buildSites(config: Config, carried: Omit<Parts, 'sums'>) {
  const { hosts, defaultHost, strictHost } = config.http
  const sums = new MinuteSums(carried.shared.upstream.clock)
  const parts: Parts = { ...carried, sums }
  const built: Built = { endpoints: [], sessions: [], names: new Set(), sums }
  const host = (own: readonly HttpHost[]) => createHost(config, own, parts, built)
  const sites = new Map([...hosts].map(([name, own]) => [name, host(own)]))
  const usual = defaultHost === undefined ? undefined : sites.get(defaultHost)
  const all = () => createSite({ bosh: [config], apis: [config], websocket: [config], pages: config }, parts, built)
  const otherHosts = usual ?? (strictHost ? refusal(config, parts) : all())
  return { ...built, routes: { hosts: sites, otherHosts } }
}

interface Built {
  readonly endpoints: WebSocketEndpoint[]
  readonly sessions: ReturnType<typeof createSessions>[]
  /** By which other processes name the sites. */
  readonly names: Set<string>
  readonly sums: MinuteSums
}

interface Parts {
  readonly shared: SiteParts
  readonly carriedRequests: CarriedRequests | undefined
  /** While this process drains, other processes log users in. */
  readonly carriedLogins: CarriedLogins | undefined
  readonly carriage: SocketCarriage | undefined
  readonly sums: MinuteSums
}

interface SiteConfigs {
  readonly bosh: readonly Config[]
  readonly apis: readonly Config[]
  readonly websocket: readonly Config[]
  readonly pages: Config
}

function createHost(config: Config, hosts: readonly HttpHost[], parts: Parts, built: Built): Routes {
  const own = new Map(hosts.map(host => [host, configOfHost(config, [host])]))
  const sharing = (pathOf: (host: HttpHost) => string | undefined) =>
    [...new Set(hosts.map(pathOf))].map(path => {
      const [first, ...others] = hosts.filter(host => pathOf(host) === path)
      return others.length === 0 ? own.get(first!)! : configOfHost(config, [first!, ...others])
    })
  const configs = {
    bosh: [...own.values()],
    apis: sharing(({ warmPath }) => warmPath),
    websocket: sharing(({ websocketPath }) => websocketPath),
    pages: sharing(() => undefined)[0]!,
  }
  return createSite(configs, parts, built)
}

function createSite({ bosh, apis, websocket, pages }: SiteConfigs, parts: Parts, built: Built): Routes {
  const configs = [...new Set([...bosh, ...apis, ...websocket, pages])]
  const { upstream, tellEvent } = parts.shared
  const sessions = new Map(configs.map(config => [config, createSessions(config, upstream, parts.sums, tellEvent)]))
  const apps = apis.map(config => ({ config, app: createApi(config, sessions.get(config)!.open, parts) }))
  const webSockets = websocket
    .filter(config => config.websocket.enabled)
    .map(config => ({ config, endpoint: createWebSocket(config, sessions.get(config)!.opener, parts) }))
  const { pageTokens } = parts.shared
  const connect = pageTokens && createConnect(pages, sessions.get(pages)!.open, pageTokens, parts)
  built.endpoints.push(...webSockets.map(({ endpoint }) => endpoint))
  built.sessions.push(...sessions.values())
  for (const config of configs) built.names.add(siteName(config))
  return {
    paths: new Map([
      ...bosh
        .filter(config => config.bosh.enabled)
        .map(config => [config.boshPath, createBosh(config, sessions.get(config)!.manager, parts)] as const),
      ...webSockets.flatMap(({ config: { websocketPath }, endpoint }) => [
        [websocketPath, endpoint.relay] as const,
        [websocketPath + takeoverPath, endpoint.takeover] as const,
      ]),
      ...(connect === undefined ? [] : [[pages.pagePath, connect] as const]),
    ]),
    below: apps
      .slice(1)
      .filter(({ config }) => config.warm.enabled)
      .map(({ config, app }) => [config.warmPath, app]),
    rest: apps[0]!.app,
  }
}

export function createSiteLogins(config: Config, parts: SessionParts): Logins {
  return createLogins(parts.login, createSessions(config, parts, parts.sums).open)
}

function createSessions(
  config: Config,
  upstream: SessionParts,
  sums: MinuteSums,
  tellEvent?: OpenerParts['tellEvent'],
) {
  const { domains, retiredDomains, bosh } = config
  const opener = createOpener({
    domains,
    retiredDomains,
    issuesTickets: config.websocket.enabled,
    registry: upstream.registry,
    connect: upstream.connect,
    limits: upstream.limits,
    room: upstream.room,
    strangers: upstream.strangers,
    sums,
    makeRoomElsewhere: upstream.makeRoomElsewhere,
    refused: upstream.refused,
    refusedLogins: upstream.refusedLogins,
    maxStanzaBytes: upstream.maxStanzaBytes,
    serverMilliseconds: upstream.serverMilliseconds,
    shaper: upstream.shaper,
    waiting: upstream.waiting,
    processName: upstream.processName,
    tellEvent,
    clock: upstream.clock,
    counts: upstream.counts,
    log: upstream.logFor('bosh'),
    webSocketLog: upstream.logFor('websocket'),
  })
  const manager = createConnectionManager({
    opener,
    registry: upstream.registry,
    limits: upstream.limits,
    maxStanzaBytes: upstream.maxStanzaBytes,
    refused: upstream.refused,
    clock: upstream.clock,
    counts: upstream.counts,
    defaultDomain: bosh.defaultDomain,
    terms: bosh,
    requireSecure: bosh.requireSecure,
    cookies: domain => cookieRules(config, domain),
    bodies: upstream.bodies,
  })
  const openHere = opener.forLogins(manager.makePageClient)
  const open: Open = (...about) => upstream.openThere(...about) ?? openHere(...about)
  return { domains, opener, manager, open }
}

function loginsOf(config: Config, open: Open, { shared: { upstream }, carriedLogins }: Parts): Logins {
  const own = createLogins(upstream.login, open, upstream.mend)
  return carriedLogins?.over(siteName(config), own) ?? own
}

function createConnect(config: Config, open: Open, pageTokens: PageTokens, parts: Parts): Endpoint {
  const { shared, carriedLogins } = parts
  const { upstream } = shared
  const { login, keysOf } = loginsOf(config, open, parts)
  const { endUnclaimed } = carriedLogins ?? upstream
  return createPagesApp({
    config,
    pageTokens,
    login,
    keysOf,
    sessions: upstream.sessions,
    room: upstream.room,
    visits: shared.visits,
    endUnclaimed,
    limits: shared.callLimits,
    isTooOften: address => upstream.limits.isTooOften(address),
    refused: upstream.refused,
    recentWarms: shared.recentWarms,
    onCall: shared.onCall,
    isStopping: shared.isStopping,
    counts: upstream.counts,
    clock: upstream.clock,
    sums: parts.sums,
    log: upstream.logFor('warm'),
    audit: upstream.auditFor('warm'),
    httpLog: upstream.logFor('http'),
  })
}

function createApi(config: Config, open: Open, parts: Parts): Express {
  const { shared, carriedLogins } = parts
  const { upstream } = shared
  const { logFor, auditFor } = upstream
  const { endUnclaimed } = carriedLogins ?? upstream
  const { login, keysOf } = loginsOf(config, open, parts)
  return createApp({
    config,
    login,
    keysOf,
    sessions: upstream.sessions,
    visits: shared.visits,
    room: upstream.room,
    endUnclaimed,
    limits: shared.callLimits,
    hashes: shared.hashes,
    formTokens: shared.formTokens,
    recentWarms: shared.recentWarms,
    readOverview: shared.readOverview,
    readHour: shared.readHour,
    readAudit: shared.readAudit,
    readFailures: shared.readFailures,
    streams: shared.streams,
    onCall: shared.onCall,
    isStopping: shared.isStopping,
    counts: upstream.counts,
    clock: upstream.clock,
    sums: parts.sums,
    log: logFor('warm'),
    audit: auditFor('warm'),
    httpLog: logFor('http'),
    demoPath: shared.demoPath,
    extraRouters: shared.routers({ login, endUnclaimed, sessions: upstream.sessions, visits: shared.visits }),
  })
}

function createWebSocket(config: Config, opener: Opener, { shared, carriage }: Parts): WebSocketEndpoint {
  const { websocket, websocketPath, bosh } = config
  const { upstream } = shared
  const { clients, access, secureUrl, redirectUrl, page } = entranceOf(config, 'websocket', websocketPath)
  return createWebSocketEndpoint({
    place: siteName(config),
    clients,
    access,
    secureUrl: req => secureUrl(req)?.replace(/^https:/, 'wss:'),
    redirectUrl,
    page,
    origins: websocket.origins,
    requireSecure: websocket.requireSecure,
    defaultDomain: bosh.defaultDomain,
    rules: websocket,
    maxFragments: websocket.maxFragments,
    maxStanzaBytes: upstream.maxStanzaBytes,
    resumeSeconds: websocket.resumeSeconds,
    opener,
    domains: config.domains,
    registry: upstream.registry,
    wrongTokens: shared.wrongTokens,
    refused: upstream.refused,
    bodies: upstream.bodies,
    carriage,
    clock: upstream.clock,
    counts: upstream.counts,
    log: upstream.logFor('websocket'),
    report: error => opener.report(error, 'websocket'),
  })
}

function createBosh(config: Config, manager: ConnectionManager, { shared, carriedRequests }: Parts): Endpoint {
  const { bodies, refused, clock, counts, maxStanzaBytes } = shared.upstream
  const { serve, refuseTooLarge, report } = carriedRequests?.over(siteName(config), manager) ?? manager
  const { clients, access, secureUrl, redirectUrl, page } = entranceOf(config, 'bosh', config.boshPath)
  const listener = createBoshListener({
    serve,
    refuseTooLarge,
    report,
    clients,
    access,
    secureUrl,
    redirectUrl,
    page,
    bodies,
    refused,
    clock,
    counts,
    cors: createCors(config.cors),
    externalUrl: config.externalUrl,
    maxBodyBytes: Math.max(leastBodyBytes, 2 * maxStanzaBytes),
  })
  return Object.assign(listener, { holds: true })
}

function entranceOf(config: Config, transport: 'bosh' | 'websocket', path: string): Entrance {
  const { assumeSecure, requireSecure } = config[transport]
  const clients = { ...config, assumeSecure: config.assumeSecure || assumeSecure }
  const below = (base: string | undefined) => (base === undefined ? undefined : base + path)
  return {
    clients,
    access: accessBy(config.access[transport]),
    secureUrl: req => below(secureBase(clients, req)),
    redirectUrl: req => (requireSecure ? below(redirectBase(clients, req)) : undefined),
    page: createEndpointPage({ ...config, assumeSecure: clients.assumeSecure }, transport),
  }
}

function cookieRules(config: Config, domain: string): CookieRules {
  const { externalUrl, assumeSecure, bosh } = config
  const url = urlOfDomain(config, domain)
  return {
    path: url === undefined ? homePath(externalUrl) + pathOf(config, domain) : new URL(url).pathname,
    secure: assumeSecure || bosh.assumeSecure || (url ?? externalUrl)?.startsWith('https:') === true,
  }
}

/** RFC 9110 §15.5.20. */
function refusal(config: Config, { shared, sums }: Parts): Routes {
  const { logFor, counts } = shared.upstream
  const refuseBosh: RequestListener = (_req, res) => answerBare(res, 421)
  const rest = createMisdirectedApp({ config, log: logFor('http'), counts, sums })
  return { paths: new Map([[config.boshPath, refuseBosh]]), below: [], rest }
}
