import type { Express, Router } from 'express'
import type { ConnectionManager } from '../browsers/bosh/connection-manager.js'
import { createCors } from '../browsers/bosh/cors.js'
import type { ForwardedRequests } from '../browsers/bosh/forwarded-requests.js'
import { createBoshListener } from '../browsers/bosh/listener.js'
import {
  createWebSocketEndpoint,
  type EndpointParts,
  type WebSocketEndpoint,
} from '../browsers/websocket/websocket-endpoint.js'
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
import { createForwardedCalls } from '../warm/forwarded-calls.js'
import { createLogins } from '../warm/warming/session-login.js'
import type { WarmingParts } from '../warm/warming/warm-call.js'
import { type AppParts, createApp, createPagesApp } from './app.js'
import type { SessionParts } from './session-parts.js'
import { createSessions } from './site-sessions.js'

const leastBodyBytes = 512 * 1024

export interface SiteParts
  extends Pick<AppParts, 'hashes' | 'formTokens' | 'numbers' | 'streams' | 'demoPath'>,
    Pick<AnsweringParts, 'recentWarms' | 'onCall' | 'isStopping'>,
    Pick<EndpointParts, 'wrongTokens'>,
    Pick<OpenerParts, 'tellEvent'> {
  readonly sessionParts: SessionParts
  /** Undefined with one process. */
  readonly whereabouts?: Whereabouts | undefined
  readonly callLimits: WarmingParts['limits']
  readonly visits: WarmingParts['visits']
  readonly pageTokens?: PageTokens | undefined
  readonly routers: (parts: Pick<WarmingParts, 'login' | 'endUnclaimed' | 'sessions' | 'visits'>) => readonly Router[]
}

export interface Parts {
  readonly shared: SiteParts
  readonly forwardedRequests: ForwardedRequests | undefined
  readonly sums: MinuteSums
}

export interface Built {
  readonly endpoints: WebSocketEndpoint[]
  readonly sessions: ReturnType<typeof createSessions>[]
  readonly sums: MinuteSums
}

interface SiteConfigs {
  readonly bosh: readonly Config[]
  readonly apis: readonly Config[]
  readonly websocket: readonly Config[]
  readonly pages: Config
}

export function createSite({ bosh, apis, websocket, pages }: SiteConfigs, parts: Parts, built: Built): Routes {
  const configs = [...new Set([...bosh, ...apis, ...websocket, pages])]
  const { sessionParts, tellEvent } = parts.shared
  const sessions = new Map(configs.map(config => [config, createSessions(config, sessionParts, parts.sums, tellEvent)]))
  const apps = apis.map(config => ({ config, app: createApi(config, sessions.get(config)!.open, parts) }))
  const webSockets = websocket
    .filter(config => config.websocket.enabled)
    .map(config => ({ config, endpoint: createWebSocket(config, sessions.get(config)!.opener, parts) }))
  const { pageTokens } = parts.shared
  const connect = pageTokens && createConnect(pages, sessions.get(pages)!.open, pageTokens, parts)
  built.endpoints.push(...webSockets.map(({ endpoint }) => endpoint))
  built.sessions.push(...sessions.values())
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
  const forwarding = shared.whereabouts && createForwardedCalls({ whereabouts: shared.whereabouts, registry })
  return { login, keysOf, sessions, userLimit, visits, endUnclaimed, limits: callLimits, counts, forwarding }
}

function answeringOf({ shared, sums }: Parts): AnsweringParts {
  const { recentWarms, onCall, isStopping } = shared
  const { logFor, auditFor, clock, counts } = shared.sessionParts
  return { log: logFor('warm'), audit: auditFor('warm'), clock, sums, counts, recentWarms, onCall, isStopping }
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
  const { hashes, formTokens, numbers, streams, demoPath, routers, sessionParts } = parts.shared
  const warming = warmingOf(open, parts)
  const { login, endUnclaimed, sessions, visits } = warming
  return createApp({
    config,
    hashes,
    formTokens,
    warming,
    answering: answeringOf(parts),
    numbers,
    streams,
    demoPath,
    extraRouters: routers({ login, endUnclaimed, sessions, visits }),
    httpLog: sessionParts.logFor('http'),
  })
}

function createWebSocket(config: Config, opener: Opener, { shared }: Parts): WebSocketEndpoint {
  const { websocket, websocketPath, bosh } = config
  const { sessionParts } = shared
  const { clients, access, secureUrl, redirectUrl, page } = publicEndpointOf(config, 'websocket', websocketPath)
  return createWebSocketEndpoint({
    clients,
    access,
    secureUrl: req => secureUrl(req)?.replace(/^https:/, 'wss:'),
    redirectUrl,
    page,
    origins: websocket.origins,
    requireSecure: config.requireSecure,
    defaultDomain: bosh.defaultDomain,
    pingInterval: websocket.pingInterval,
    maxStanzaBytes: sessionParts.maxStanzaBytes,
    resumeSeconds: websocket.resumeSeconds,
    opener,
    domains: config.domains,
    registry: sessionParts.registry,
    wrongTokens: shared.wrongTokens,
    refused: sessionParts.refused,
    bodies: sessionParts.bodies,
    whereabouts: shared.whereabouts,
    clock: sessionParts.clock,
    counts: sessionParts.counts,
    log: sessionParts.logFor('websocket'),
    report: error => opener.report(error, 'websocket'),
  })
}

function createBosh(config: Config, manager: ConnectionManager, parts: Parts): Endpoint {
  const { shared, forwardedRequests } = parts
  const { bodies, refused, clock, counts, maxStanzaBytes } = shared.sessionParts
  const { serve, refuseTooLarge, report } = forwardedRequests?.over(manager) ?? manager
  const { clients, access, secureUrl, redirectUrl, page } = publicEndpointOf(config, 'bosh', config.boshPath)
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
    cors: createCors(config.corsOrigins),
    externalUrl: config.externalUrl,
    noteRefusal: refusalLog(clock, shared.sessionParts.logFor('bosh'), boshRefused),
    maxBodyBytes: Math.max(leastBodyBytes, 2 * maxStanzaBytes),
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
