import type { Express, Router } from 'express'
import type { ConnectionManager } from '../browsers/bosh/connection-manager.js'
import { createCors } from '../browsers/bosh/cors.js'
import type { ForwardedRequests } from '../browsers/bosh/forwarded-requests.js'
import { createBoshListener } from '../browsers/bosh/listener.js'
import { type EndpointParts, WebSocketEndpoint } from '../browsers/websocket/websocket-endpoint.js'
import type { Config } from '../config/config.js'
import { attachPath } from '../config/serving.js'
import type { Whereabouts } from '../forwarding/whereabouts.js'
import { accessBy, type PublicEndpoint } from '../http/access/client-rules.js'
import { redirectBase, secureBase } from '../http/addresses.js'
import { createEndpointPage } from '../http/answers/endpoint-page.js'
import type { Endpoint, Routes } from '../http/listening/dispatch.js'
import type { MinuteSums } from '../lib/limits/minute-sums.js'
import { boshRefused, refusalLog } from '../lib/limits/refusal-log.js'
import type { Opener, OpenerParts } from '../session/opener.js'
import type { Open } from '../session/session-types.js'
import type { AnsweringParts } from '../warm/calls.js'
import type { PageTokens } from '../warm/connect/page-tokens.js'
import { ForwardedCalls } from '../warm/forwarded-calls.js'
import { createLogins } from '../warm/warming/session-login.js'
import type { WarmingParts } from '../warm/warming/warm-call.js'
import { type AppParts, createApp, createPagesApp } from './app.js'
import type { SessionParts } from './session-parts.js'
import { createSessions } from './site-sessions.js'

const leastBodyBytes = 512 * 1024

export interface SiteParts
  extends Pick<AppParts, 'hashes' | 'formTokens' | 'numbers' | 'demoPath'>,
    Pick<AnsweringParts, 'lastHour' | 'onCall' | 'isStopping'>,
    Pick<EndpointParts, 'wrongTokens'>,
    Pick<OpenerParts, 'tellEvent'> {
  readonly sessionParts: SessionParts
  /** Undefined with one process. */
  readonly whereabouts?: Whereabouts | undefined
  readonly callLimits: WarmingParts['limits']
  readonly visits: WarmingParts['visits']
  readonly pageTokens?: PageTokens | undefined
  readonly routers: () => readonly Router[]
}

export interface Parts {
  readonly shared: SiteParts
  readonly forwardedRequests: ForwardedRequests | undefined
  readonly sums: MinuteSums
  /** Those of all sites, as they are built. */
  readonly endpoints: WebSocketEndpoint[]
  readonly sessions: ReturnType<typeof createSessions>[]
}

interface SiteConfigs {
  readonly bosh: readonly Config[]
  readonly apis: readonly Config[]
  readonly websocket: readonly Config[]
  readonly pages: Config
}

export function createSite({ bosh, apis, websocket, pages }: SiteConfigs, parts: Parts): Routes {
  const configs = [...new Set([...bosh, ...apis, ...websocket, pages])]
  const { sessionParts, tellEvent } = parts.shared
  const sessions = new Map(configs.map(config => [config, createSessions(config, sessionParts, parts.sums, tellEvent)]))
  const apps = apis.map(config => ({ config, app: createApi(config, sessions.get(config)!.open, parts) }))
  const webSockets = websocket
    .filter(config => config.websocket.enabled)
    .map(config => ({ config, endpoint: createWebSocket(config, sessions.get(config)!.opener, parts) }))
  const { pageTokens } = parts.shared
  const connect = pageTokens && createConnect(pages, sessions.get(pages)!.open, pageTokens, parts)
  parts.endpoints.push(...webSockets.map(({ endpoint }) => endpoint))
  parts.sessions.push(...sessions.values())
  return {
    paths: new Map([
      ...bosh
        .filter(config => config.bosh.enabled)
        .map(config => [config.boshPath, createBosh(config, sessions.get(config)!.manager, parts)] as const),
      ...webSockets.flatMap(({ config: { websocketPath }, endpoint }) => [
        [websocketPath, endpoint.ownLogin] as const,
        [websocketPath + attachPath, endpoint.attaching] as const,
      ]),
      ...(connect === undefined ? [] : [[pages.pagePath, connect] as const]),
    ]),
    below: apps
      .slice(1)
      .filter(({ config }) => config.warm.hasPages)
      .map(({ config, app }) => [config.warmPath, app]),
    rest: apps[0]!.app,
  }
}

function warmingOf(open: Open, { shared }: Parts): WarmingParts {
  const { sessionParts, callLimits, visits } = shared
  const { login, keysOf } = createLogins(sessionParts.login, open, sessionParts.mend)
  const { sessions, userLimit, counts, registry, endUnclaimed } = sessionParts
  const forwarding = shared.whereabouts && new ForwardedCalls(shared.whereabouts, registry)
  return { login, keysOf, sessions, userLimit, visits, endUnclaimed, limits: callLimits, counts, forwarding }
}

function answeringOf({ shared, sums }: Parts): AnsweringParts {
  const { lastHour, onCall, isStopping } = shared
  const { logFor, auditFor, clock, counts } = shared.sessionParts
  return { log: logFor('warm'), audit: auditFor('warm'), clock, sums, counts, lastHour, onCall, isStopping }
}

function createConnect(config: Config, open: Open, pageTokens: PageTokens, parts: Parts): Endpoint {
  const { limits, refused, logFor } = parts.shared.sessionParts
  return createPagesApp({
    config,
    warming: warmingOf(open, parts),
    answering: answeringOf(parts),
    pageTokens,
    isTooOften: address => limits.isTooOften(address),
    refusedSignOuts: {
      areTooMany: address => limits.refusesSignOuts(address),
      count: address => limits.countRefusedSignOut(address),
    },
    refused,
    page: createEndpointPage(config, 'connect'),
    httpLog: logFor('http'),
  })
}

function createApi(config: Config, open: Open, parts: Parts): Express {
  const { hashes, formTokens, numbers, demoPath, routers, sessionParts } = parts.shared
  return createApp({
    config,
    hashes,
    formTokens,
    warming: warmingOf(open, parts),
    answering: answeringOf(parts),
    numbers,
    demoPath,
    extraRouters: routers(),
    httpLog: sessionParts.logFor('http'),
  })
}

function createWebSocket(config: Config, opener: Opener, { shared }: Parts): WebSocketEndpoint {
  const { websocket, websocketPath, bosh } = config
  const { sessionParts } = shared
  const endpoint = publicEndpointOf(config, 'websocket', websocketPath)
  return new WebSocketEndpoint({
    ...sessionParts,
    ...endpoint,
    secureUrl: req => endpoint.secureUrl(req)?.replace(/^https:/, 'wss:'),
    origins: websocket.origins,
    requireSecure: config.requireSecure,
    defaultDomain: bosh.defaultDomain,
    pingInterval: websocket.pingInterval,
    resumeSeconds: websocket.resumeSeconds,
    opener,
    domains: config.domains,
    wrongTokens: shared.wrongTokens,
    whereabouts: shared.whereabouts,
    log: sessionParts.logFor('websocket'),
    report: error => opener.report(error, 'websocket'),
  })
}

function createBosh(config: Config, manager: ConnectionManager, parts: Parts): Endpoint {
  const { forwardedRequests } = parts
  const { sessionParts } = parts.shared
  const { serve, refuseTooLarge, report } = forwardedRequests?.over(manager) ?? manager
  const listener = createBoshListener({
    ...sessionParts,
    ...publicEndpointOf(config, 'bosh', config.boshPath),
    serve,
    refuseTooLarge,
    report,
    cors: createCors(config.corsOrigins),
    externalUrl: config.externalUrl,
    noteRefusal: refusalLog(sessionParts.clock, sessionParts.logFor('bosh'), boshRefused),
    maxBodyBytes: Math.max(leastBodyBytes, 2 * sessionParts.maxStanzaBytes),
  })
  return Object.assign(listener, { holds: true })
}

function publicEndpointOf(config: Config, transport: 'bosh' | 'websocket', path: string): PublicEndpoint {
  const below = (base: string | undefined) => (base === undefined ? undefined : base + path)
  return {
    clients: config,
    access: accessBy(config.access[transport]),
    secureUrl: req => below(secureBase(config, req)),
    redirectUrl: req => (config.requireSecure ? below(redirectBase(config, req)) : undefined),
    page: createEndpointPage(config, transport),
  }
}
