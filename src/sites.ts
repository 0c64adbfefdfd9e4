// What each host name serves: the same service with its own domain and addresses.
import type { RequestListener } from 'node:http'
import type { Express, Router } from 'express'
import { type AppParts, createApp, createMisdirectedApp } from './app.js'
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
import type { DispatchTable, Endpoint, Routes } from './http/listening/dispatch.js'
import type { LogFor } from './lib/log.js'
import type { Nodes } from './processes/nodes.js'
import { createOpener, type Opener, type OpenerParts } from './session/opener.js'
import type { Open, Opening } from './session/sessions.js'
import { type CarriedLogins, createCarriedLogins } from './warm/carried-logins.js'
import { createLogins, type Logins, type SessionLoginParts } from './warm/session-login.js'

/** In bytes. With longer stanzas the limit is two stanzas. */
const leastBodyBytes = 512 * 1024

export interface SessionParts
  extends Pick<
      OpenerParts,
      | 'registry'
      | 'connect'
      | 'clock'
      | 'counts'
      | 'limits'
      | 'maxStanzaBytes'
      | 'processName'
      | 'refused'
      | 'refusedLogins'
      | 'room'
      | 'shaper'
      | 'waiting'
      | 'tellEvent'
    >,
    Pick<ListenerParts, 'bodies'> {
  /** Opens a session at a remote endpoint for its page. Undefined for domains that are served here. */
  readonly openThere: (...about: Parameters<Open>) => Opening | undefined
  readonly login: Omit<SessionLoginParts, 'open'>
  readonly logFor: LogFor
  readonly auditFor: LogFor
}

export interface SiteParts
  extends SessionParts,
    Pick<
      AppParts,
      | 'sessions'
      | 'release'
      | 'formTokens'
      | 'hashes'
      | 'recentWarms'
      | 'readOverview'
      | 'onCall'
      | 'isStopping'
      | 'demoPath'
    >,
    Pick<EndpointParts, 'wrongTokens'> {
  /** Undefined for a single process. */
  readonly nodes?: Nodes | undefined
  readonly callLimits: AppParts['limits']
  /** Further routes of each site. */
  readonly routers: (parts: Pick<AppParts, 'login' | 'release'>) => readonly Router[]
}

export interface Sites extends Pick<DispatchTable, 'hosts' | 'otherHosts'> {
  /** Closes WebSockets without a session. */
  shutDown(): void
}

export function createSites(config: Config, given: SiteParts): Sites {
  const { hosts, defaultHost, strictHost } = config.http
  const endpoints: WebSocketEndpoint[] = []
  const { nodes, registry } = given
  const carriage = nodes && new SocketCarriage(nodes)
  const isDraining = () => registry.isDraining
  const parts: Parts = {
    ...given,
    carriage,
    carriedRequests: nodes && createCarriedRequests(nodes, given.clock, isDraining),
    carriedLogins:
      nodes &&
      createCarriedLogins({
        ...given,
        nodes,
        isDraining,
        timeout: config.warm.timeout,
        serviceAccounts: config.serviceAccounts,
      }),
  }
  const host = (own: readonly HttpHost[]) => createHost(config, own, parts, endpoints)
  const sites = new Map([...hosts].map(([name, own]) => [name, host(own)]))
  const usual = defaultHost === undefined ? undefined : sites.get(defaultHost)
  const all = () => createSite({ bosh: [config], apis: [config], websocket: [config] }, parts, endpoints)
  const other = usual ?? (strictHost ? refusal(config, parts) : all())
  return {
    hosts: sites,
    otherHosts: other,
    shutDown() {
      for (const endpoint of endpoints) endpoint.shutDown()
      carriage?.shutDown()
    },
  }
}

interface Parts extends SiteParts {
  readonly carriedRequests: CarriedRequests | undefined
  /** Other processes log users in while this one drains. */
  readonly carriedLogins: CarriedLogins | undefined
  readonly carriage: SocketCarriage | undefined
}

interface SiteConfigs {
  readonly bosh: readonly Config[]
  readonly apis: readonly Config[]
  readonly websocket: readonly Config[]
}

/** A BOSH endpoint for each domain. Domains with the same other paths share those endpoints. */
function createHost(
  config: Config,
  hosts: readonly HttpHost[],
  parts: Parts,
  endpoints: WebSocketEndpoint[],
): Routes {
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
  }
  return createSite(configs, parts, endpoints)
}

/** The first app also answers everything else. */
function createSite(
  { bosh, apis, websocket }: SiteConfigs,
  parts: Parts,
  endpoints: WebSocketEndpoint[],
): Routes {
  const configs = [...new Set([...bosh, ...apis, ...websocket])]
  const sessions = new Map(configs.map(config => [config, createSessions(config, parts)]))
  const apps = apis.map(config => ({ config, app: createApi(config, sessions.get(config)!.open, parts) }))
  const webSockets = websocket
    .filter(config => config.websocket.enabled)
    .map(config => ({ config, endpoint: createWebSocket(config, sessions.get(config)!.opener, parts) }))
  endpoints.push(...webSockets.map(({ endpoint }) => endpoint))
  return {
    paths: new Map([
      ...bosh
        .filter(config => config.bosh.enabled)
        .map(config => [config.boshPath, createBosh(config, sessions.get(config)!.manager, parts)] as const),
      ...webSockets.flatMap(({ config: { websocketPath }, endpoint }) => [
        [websocketPath, endpoint.through] as const,
        [websocketPath + takeoverPath, endpoint.takeover] as const,
      ]),
    ]),
    below: apps
      .slice(1)
      .filter(({ config }) => config.warm.enabled)
      .map(({ config, app }) => [config.warmPath, app]),
    rest: apps[0]!.app,
  }
}

export function createSiteLogins(config: Config, parts: SessionParts): Logins {
  return loginsOver(createSessions(config, parts).open, parts)
}

function loginsOver(open: Open, { login, logFor }: SessionParts): Logins {
  return createLogins({ ...login, log: logFor('login'), open })
}

function createSessions(config: Config, parts: SessionParts) {
  const { domains, retiredDomains, bosh } = config
  const log = parts.logFor('bosh')
  const webSocketLog = parts.logFor('websocket')
  const issuesTickets = config.websocket.enabled
  const opener = createOpener({ ...parts, domains, retiredDomains, issuesTickets, log, webSocketLog })
  const { defaultDomain, requireSecure } = bosh
  const cookies = (domain: string) => cookieRules(config, domain)
  const { bodies } = parts
  const manager = createConnectionManager({
    opener,
    defaultDomain,
    terms: bosh,
    requireSecure,
    cookies,
    bodies,
  })
  const openHere = opener.forLogins(manager.attach)
  const open: Open = (...about) => parts.openThere(...about) ?? openHere(...about)
  return { opener, manager, open }
}

function createApi(config: Config, open: Open, parts: Parts): Express {
  const { callLimits, carriedLogins, logFor, auditFor } = parts
  const { release } = carriedLogins ?? parts
  const own = loginsOver(open, parts)
  const logins = carriedLogins?.over(siteName(config), own) ?? own
  return createApp({
    ...parts,
    config,
    release,
    ...logins,
    limits: callLimits,
    log: logFor('warm'),
    audit: auditFor('warm'),
    httpLog: logFor('http'),
    extraRouters: parts.routers({ login: logins.login, release }),
  })
}

function createWebSocket(config: Config, opener: Opener, parts: Parts): WebSocketEndpoint {
  const { websocket, websocketPath, bosh } = config
  const entrance = entranceOf(config, 'websocket', websocketPath)
  return createWebSocketEndpoint({
    ...parts,
    ...websocket,
    ...entrance,
    secureUrl: req => entrance.secureUrl(req)?.replace(/^https:/, 'wss:'),
    log: parts.logFor('websocket'),
    opener,
    place: siteName(config),
    defaultDomain: bosh.defaultDomain,
    maxStanzaBytes: parts.maxStanzaBytes,
    rules: websocket,
    report: error => opener.report(error, 'websocket'),
  })
}

function createBosh(config: Config, manager: ConnectionManager, parts: Parts): Endpoint {
  const listener = createBoshListener({
    ...parts,
    ...(parts.carriedRequests?.over(siteName(config), manager) ?? manager),
    ...entranceOf(config, 'bosh', config.boshPath),
    cors: createCors(config.cors),
    maxBodyBytes: Math.max(leastBodyBytes, 2 * parts.maxStanzaBytes),
  })
  return Object.assign(listener, { holds: true })
}

function entranceOf(config: Config, transport: 'bosh' | 'websocket', path: string): Entrance {
  const { assumeSecure, requireSecure, getText } = config[transport]
  const clients = { ...config, assumeSecure: config.assumeSecure || assumeSecure }
  const below = (base: string | undefined) => (base === undefined ? undefined : base + path)
  return {
    clients,
    access: accessBy(config.access[transport]),
    secureUrl: req => below(secureBase(clients, req)),
    redirectUrl: req => (requireSecure ? below(redirectBase(clients, req)) : undefined),
    getText,
  }
}

/** Browsers send the cookies to the endpoint of the binding. */
function cookieRules(config: Config, domain: string): CookieRules {
  const { externalUrl, assumeSecure, bosh } = config
  const url = urlOfDomain(config, domain)
  return {
    path: url === undefined ? homePath(externalUrl) + pathOf(config, domain) : new URL(url).pathname,
    secure: assumeSecure || bosh.assumeSecure || (url ?? externalUrl)?.startsWith('https:') === true,
  }
}

/** RFC 9110 §15.5.20. */
function refusal(config: Config, { logFor, counts, clock }: SiteParts): Routes {
  const refuseBosh: RequestListener = (_req, res) => answerBare(res, 421)
  const rest = createMisdirectedApp({ config, log: logFor('http'), counts, clock })
  return { paths: new Map([[config.boshPath, refuseBosh]]), below: [], rest }
}
