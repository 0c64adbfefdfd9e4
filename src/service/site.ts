import type { ConnectionManager } from '../browsers/bosh/connection-manager.js'
import { createCors } from '../browsers/bosh/cors.js'
import type { ForwardedRequests } from '../browsers/bosh/forwarded-requests.js'
import { createBoshListener } from '../browsers/bosh/listener.js'
import { WebSocketEndpoint, type WebSocketParts } from '../browsers/websocket/websocket-endpoint.js'
import type { Config } from '../config/config.js'
import { attachPath } from '../config/serving.js'
import type { Whereabouts } from '../forwarding/whereabouts.js'
import { accessBy, type PublicEndpoint } from '../http/access/client-rules.js'
import { redirectBase, secureBase } from '../http/addresses.js'
import { createEndpointPage } from '../http/answers/endpoint-page.js'
import type { Endpoint, Routes } from '../http/listening/dispatch.js'
import type { Opener, OpenerParts } from '../session/opener.js'
import type { ConnectParts } from '../warm/connect/connect-router.js'
import { ForwardedCalls } from '../warm/forwarded-calls.js'
import type { Logins } from '../warm/warming/session-login.js'
import type { WarmingParts } from '../warm/warming/warm-call.js'
import { type AppParts, createApp, createPagesApp } from './app.js'
import type { SessionParts } from './session-parts.js'
import { createSessions } from './site-sessions.js'

/** Clients such as Strophe send all that waits in one body. */
const leastBodyBytes = 2 * 1024 * 1024

export interface SiteParts
  extends AppParts,
    Pick<ConnectParts, 'pageTokens' | 'guests'>,
    Pick<WarmingParts, 'tabCalls'>,
    Pick<OpenerParts, 'tellEvent'> {
  readonly sessionParts: SessionParts
  /** Undefined with one process. */
  readonly whereabouts?: Whereabouts | undefined
  readonly callLimits: WarmingParts['limits']
}

export interface Parts {
  readonly shared: SiteParts
  readonly forwardedRequests: ForwardedRequests | undefined
  /** Also those of sites before a reload. */
  readonly starting: WebSocketParts['streams']['starting']
  /** Those of all sites, as they are built. */
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
  const sessions = new Map(configs.map(config => [config, createSessions(config, sessionParts, tellEvent)]))
  const apps = apis.map(config => {
    const warming = warmingOf(sessions.get(config)!.logins, parts)
    return { config, app: createApp(config, warming, parts.shared) }
  })
  const webSockets = websocket
    .filter(config => config.websocket.enabled)
    .map(config => ({ config, endpoint: createWebSocket(config, sessions.get(config)!.opener, parts) }))
  const hasPages = pages.pages.origins.length > 0
  const connect = hasPages ? createConnect(pages, sessions.get(pages)!.logins, parts) : undefined
  parts.sessions.push(...sessions.values())
  return {
    paths: new Map([
      ...bosh
        .filter(config => config.bosh.enabled)
        .map(config => [config.boshPath, createBosh(config, sessions.get(config)!.manager, parts)] as const),
      ...webSockets.flatMap(({ config: { websocketPath }, endpoint }) => [
        [websocketPath, endpoint.for('login')] as const,
        [websocketPath + attachPath, endpoint.for('session')] as const,
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

function warmingOf({ login, keysOf }: Logins, { shared }: Parts): WarmingParts {
  const { sessionParts, callLimits, tabCalls } = shared
  const { common, sessions, endUnclaimed } = sessionParts
  const { counts, userLimit, registry } = common
  const forwarding = shared.whereabouts && new ForwardedCalls(shared.whereabouts, registry)
  return { login, keysOf, sessions, userLimit, tabCalls, endUnclaimed, limits: callLimits, counts, forwarding }
}

function createConnect(config: Config, logins: Logins, parts: Parts): Endpoint {
  const { answering, pageTokens, guests, sessionParts, callLimits } = parts.shared
  const { common, notePageRefusal } = sessionParts
  return createPagesApp({
    config,
    warming: warmingOf(logins, parts),
    answering,
    pageTokens,
    guests,
    clientLimits: common.limits,
    callLimits,
    refused: common.refused,
    noteRefusal: notePageRefusal,
  })
}

function createWebSocket(config: Config, opener: Opener, { shared, starting }: Parts): WebSocketEndpoint {
  const { whereabouts } = shared
  const { common, transport, wrongTokens, noteWebSocketRefusal } = shared.sessionParts
  const { pingInterval, origins } = config.websocket
  const endpoint = publicEndpointOf(config, 'websocket', config.websocketPath)
  return new WebSocketEndpoint({
    endpoint: { ...endpoint, secureUrl: req => endpoint.secureUrl(req)?.replace(/^https:/, 'wss:') },
    channels: { pingInterval, transport },
    streams: { common, config, opener, noteRefusal: noteWebSocketRefusal, starting, wrongTokens },
    origins,
    whereabouts,
  })
}

function createBosh(config: Config, manager: ConnectionManager, { shared, forwardedRequests }: Parts): Endpoint {
  const { transport, pseudonym, noteBoshRefusal } = shared.sessionParts
  const { serve, refuseTooLarge } = forwardedRequests?.over(manager) ?? manager
  const listener = createBoshListener({
    endpoint: publicEndpointOf(config, 'bosh', config.boshPath),
    serve,
    refuseTooLarge,
    transport,
    cors: createCors(config.corsOrigins),
    externalUrl: config.externalUrl,
    pseudonym,
    noteRefusal: noteBoshRefusal,
    maxBodyBytes: Math.max(leastBodyBytes, 2 * transport.maxStanzaBytes),
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
