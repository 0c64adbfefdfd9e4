// What is served under each name of HTTP: all the same service, with the domain and the addresses of that name.
import type { RequestListener } from 'node:http'
import type { Router } from 'express'
import type { Logger } from 'pino'
import { createApp, createMisdirectedApp } from './app.js'
import type { CookieRules } from './bosh/attach-binding.js'
import { createCors } from './bosh/cors.js'
import { type ConnectionManager, createConnectionManager, type ExchangeParts } from './bosh/exchange.js'
import type { Flow } from './bosh/flow.js'
import type { SessionLimits } from './bosh/limits.js'
import { createBoshListener } from './bosh/listener.js'
import { outboxLimits } from './bosh/outbox.js'
import type { Registry } from './bosh/registry.js'
import type { Clock } from './clock.js'
import type { Config } from './config/config.js'
import { boshUrlOfDomain, configOfHost } from './config/hosts.js'
import type { Counts } from './counts.js'
import type { HashQueue } from './hash-queue.js'
import { accessBy } from './http/access.js'
import { homePath, redirectBase, secureBase } from './http/addresses.js'
import { atHost, atPath } from './http/dispatch.js'
import { logOf } from './log.js'
import type { Sessions, Upstream } from './sessions.js'
import type { Login } from './warm/binding.js'
import type { CallLimits } from './warm/call-limits.js'
import { createCredentialsCheck } from './warm/credentials-check.js'
import type { FinishedCall } from './warm/gate.js'
import { createLogin, type LoginParts } from './warm/login.js'

/** Longest BOSH request body, in bytes. */
const maxBodyBytes = 512 * 1024

/** What all sites have in common. */
export interface SiteParts {
  readonly registry: Registry
  readonly connect: ExchangeParts['connect']
  /** Where the sessions of a domain are that do not live here. */
  readonly elsewhere: (domain: string) => Upstream | undefined
  readonly login: Omit<LoginParts, 'upstreamOf'>
  readonly sessions: Sessions
  /** Ends a session that nobody will ever attach to, by its public handle. */
  readonly release: (id: string) => void
  readonly hashes: HashQueue
  readonly limits: SessionLimits
  readonly flow: Flow
  readonly callLimits: CallLimits
  readonly clock: Clock
  readonly log: Logger
  readonly counts: Counts
  /** Hears of every call of the warm API, once it is over. */
  readonly called: (call: FinishedCall) => void
  /** Whether the service is on its way to its end. */
  readonly isStopping: () => boolean
  /** Further routes of each site. */
  readonly routers: (parts: { login: Login; release: (id: string) => void }) => readonly Router[]
}

/** One host's part of the service, or all of it. */
interface Site {
  readonly listener: RequestListener
  readonly manager: ConnectionManager
}

export interface Sites {
  readonly listener: RequestListener
  /** Ends all sessions with `system-shutdown` and answers new ones with it. */
  readonly shutDown: () => void
}

/** The site of each host in the settings, and what answers requests to any other. */
export function createSites(config: Config, parts: SiteParts): Sites {
  const { hosts, defaultHost, strictHost } = config.http
  const byName = new Map(
    [...hosts].map(([name, host]) => [name, createSite(configOfHost(config, host), parts)]),
  )
  const other = defaultHost === undefined ? undefined : byName.get(defaultHost)
  const rest = other ?? (strictHost ? undefined : createSite(config, parts))
  const otherwise = rest?.listener ?? misdirected(config, parts)
  const all = new Set([...byName.values(), ...(rest === undefined ? [] : [rest])])
  const listeners = new Map([...byName].map(([name, { listener }]) => [name, listener]))
  return {
    listener: listeners.size === 0 ? otherwise : atHost(listeners, otherwise),
    shutDown() {
      for (const { manager } of all) manager.shutDown()
    },
  }
}

function createSite(config: Config, parts: SiteParts): Site {
  const { registry, clock, log, counts, called, isStopping } = parts
  const { bosh, boshPath } = config
  const manager = createConnectionManager({
    registry,
    domains: config.domains,
    retiredDomains: config.retiredDomains,
    defaultDomain: bosh.defaultDomain,
    terms: bosh,
    requireSecure: bosh.requireSecure,
    outboxLimits,
    cookies: cookieRules(config),
    connect: parts.connect,
    clock,
    log: logOf(log, 'bosh', config.logLevels),
    counts,
    limits: parts.limits,
    flow: parts.flow,
  })
  const here: Upstream = {
    exchange: manager.exchange,
    handOver: (id, session) => registry.byId(id)?.handOver(session),
    abandon: id => registry.byId(id)?.abandon('unclaimed'),
  }
  const loginParts = { ...parts.login, upstreamOf: (domain: string) => parts.elsewhere(domain) ?? here }
  const login = createLogin(loginParts)
  const { sessions, release, hashes } = parts
  const app = createApp({
    ...{ config, login, sessions, release, clock, hashes, counts, called, isStopping },
    checkCredentials: createCredentialsCheck(loginParts),
    limits: parts.callLimits,
    log: logOf(log, 'warm', config.logLevels),
    httpLog: logOf(log, 'http', config.logLevels),
    extraRouters: parts.routers({ login, release }),
  })
  if (!bosh.enabled) return { listener: app, manager }
  const clients = { ...config, assumeSecure: config.assumeSecure || bosh.assumeSecure }
  const below = (base: string | undefined) => (base === undefined ? undefined : base + boshPath)
  const listener = createBoshListener({
    ...manager,
    cors: createCors(config.cors),
    clients,
    secureUrl: req => below(secureBase(clients, req)),
    redirectUrl: req => (bosh.requireSecure ? below(redirectBase(clients, req)) : undefined),
    access: accessBy(config.access.bosh),
    maxBodyBytes,
    getText: bosh.getText,
    counts,
  })
  return { listener: atPath(boshPath, listener, app), manager }
}

/** Where browsers send the cookies of a domain's sessions: to the endpoint that the binding tells them of. */
function cookieRules(config: Config): (domain: string) => CookieRules {
  const { externalUrl, boshPath, assumeSecure, bosh } = config
  const rules = (path: string, url: string | undefined): CookieRules => ({
    path,
    secure: assumeSecure || bosh.assumeSecure || url?.startsWith('https:') === true,
  })
  const usual = rules(homePath(externalUrl) + boshPath, externalUrl)
  const own = new Map<string, CookieRules>()
  for (const { domain } of config.http.hosts.values()) {
    const url = boshUrlOfDomain(config, domain)
    if (url !== undefined) own.set(domain, rules(new URL(url).pathname, url))
  }
  return domain => own.get(domain) ?? usual
}

/** Refuses what is asked of hosts that are none of ours (RFC 9110 §15.5.20). */
function misdirected(config: Config, { log }: SiteParts): RequestListener {
  const app = createMisdirectedApp({ config, log: logOf(log, 'http', config.logLevels) })
  return atPath(
    config.boshPath,
    (_req, res) => {
      res.writeHead(421, ['Content-Length', '0', 'Cache-Control', 'no-store'])
      res.end()
    },
    app,
  )
}
