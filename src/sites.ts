// What is served under each name of HTTP: all the same service, with the domain and the addresses of that name.
import type { RequestListener } from 'node:http'
import type { Express, Router } from 'express'
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
import type { Config, HttpHost } from './config/config.js'
import { boshUrlOfDomain, configOfHost } from './config/hosts.js'
import type { Counts } from './counts.js'
import { accessBy } from './http/access.js'
import { homePath, redirectBase, secureBase } from './http/addresses.js'
import { atHost, atPath, belowPath } from './http/dispatch.js'
import { inertHeaders } from './http/page-policy.js'
import type { UnfinishedBodies } from './http/unfinished-bodies.js'
import type { Clock } from './lib/clock.js'
import type { HashQueue } from './lib/hash-queue.js'
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
  readonly bodies: UnfinishedBodies
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
  readonly managers: readonly ConnectionManager[]
}

export interface Sites {
  readonly listener: RequestListener
  /** Ends all sessions with `system-shutdown` and answers new ones with it. */
  readonly shutDown: () => void
}

/** The site of each host in the settings, and what answers requests to any other. */
export function createSites(config: Config, parts: SiteParts): Sites {
  const { hosts, defaultHost, strictHost } = config.http
  const byName = new Map([...hosts].map(([name, own]) => [name, createHost(config, own, parts)]))
  const other = defaultHost === undefined ? undefined : byName.get(defaultHost)
  const rest = other ?? (strictHost ? undefined : createSite([config], [config], parts))
  const otherwise = rest?.listener ?? misdirected(config, parts)
  const all = new Set([...byName.values(), ...(rest === undefined ? [] : [rest])])
  const listeners = new Map([...byName].map(([name, { listener }]) => [name, listener]))
  return {
    listener: listeners.size === 0 ? otherwise : atHost(listeners, otherwise),
    shutDown() {
      for (const { managers } of all) for (const manager of managers) manager.shutDown()
    },
  }
}

/** The site of a host: a BOSH endpoint for each of its domains, and one warm API for those that have it at the same path. */
function createHost(config: Config, hosts: readonly HttpHost[], parts: SiteParts): Site {
  const endpoints = new Map(hosts.map(host => [host, configOfHost(config, [host])]))
  const apis = [...new Set(hosts.map(({ warmPath }) => warmPath))].map(path => {
    const [first, ...others] = hosts.filter(({ warmPath }) => warmPath === path)
    return others.length === 0 ? endpoints.get(first!)! : configOfHost(config, [first!, ...others])
  })
  return createSite([...endpoints.values()], apis, parts)
}

/** BOSH endpoints and warm APIs, each with settings of its own; all else is answered beside the first of the APIs. */
function createSite(endpoints: readonly Config[], apis: readonly Config[], parts: SiteParts): Site {
  const managers = new Map<Config, ConnectionManager>()
  for (const config of [...endpoints, ...apis])
    if (!managers.has(config)) managers.set(config, createManager(config, parts))
  const [first, ...others] = apis.map(config => createApi(config, managers.get(config)!, parts))
  let listener: RequestListener = first!
  for (const [index, app] of others.entries()) {
    const { warm, warmPath } = apis[index + 1]!
    if (warm.enabled) listener = belowPath(warmPath, app, listener)
  }
  for (const config of endpoints) {
    if (!config.bosh.enabled) continue
    listener = atPath(config.boshPath, createEndpoint(config, managers.get(config)!, parts), listener)
  }
  return { listener, managers: [...managers.values()] }
}

function createManager(config: Config, parts: SiteParts): ConnectionManager {
  const { registry, clock, log, counts } = parts
  const { bosh } = config
  return createConnectionManager({
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
}

/** The Express app, whose logins are at home in a connection manager of the same domains. */
function createApi(config: Config, manager: ConnectionManager, parts: SiteParts): Express {
  const { registry, clock, log, counts, called, isStopping } = parts
  const here: Upstream = {
    exchange: manager.exchange,
    handOver: (id, session) => registry.byId(id)?.handOver(session),
    abandon: id => registry.byId(id)?.abandon('unclaimed'),
  }
  const warmLog = logOf(log, 'warm', config.logLevels)
  const loginParts = {
    ...parts.login,
    log: warmLog,
    upstreamOf: (domain: string) => parts.elsewhere(domain) ?? here,
  }
  const login = createLogin(loginParts)
  const { sessions, release, hashes } = parts
  return createApp({
    ...{ config, login, sessions, release, clock, hashes, counts, called, isStopping },
    checkCredentials: createCredentialsCheck(loginParts),
    limits: parts.callLimits,
    log: warmLog,
    httpLog: logOf(log, 'http', config.logLevels),
    extraRouters: parts.routers({ login, release }),
  })
}

function createEndpoint(config: Config, manager: ConnectionManager, parts: SiteParts): RequestListener {
  const { bodies, clock, counts } = parts
  const { bosh, boshPath } = config
  const clients = { ...config, assumeSecure: config.assumeSecure || bosh.assumeSecure }
  const below = (base: string | undefined) => (base === undefined ? undefined : base + boshPath)
  return createBoshListener({
    ...manager,
    cors: createCors(config.cors),
    clients,
    secureUrl: req => below(secureBase(clients, req)),
    redirectUrl: req => (bosh.requireSecure ? below(redirectBase(clients, req)) : undefined),
    access: accessBy(config.access.bosh),
    maxBodyBytes,
    bodies,
    clock,
    getText: bosh.getText,
    counts,
  })
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
  for (const { domain, boshPath: path = boshPath } of config.http.own)
    if (domain !== undefined) own.set(domain, rules(homePath(externalUrl) + path, externalUrl))
  for (const { domain } of [...config.http.hosts.values(), config.http.own].flat()) {
    const url = domain === undefined ? undefined : boshUrlOfDomain(config, domain)
    if (url !== undefined) own.set(domain!, rules(new URL(url).pathname, url))
  }
  return domain => own.get(domain) ?? usual
}

/** Refuses what is asked of hosts that are none of ours (RFC 9110 §15.5.20). */
function misdirected(config: Config, { log }: SiteParts): RequestListener {
  const app = createMisdirectedApp({ config, log: logOf(log, 'http', config.logLevels) })
  return atPath(
    config.boshPath,
    (_req, res) => {
      res.writeHead(421, ['Content-Length', '0', ...inertHeaders])
      res.end()
    },
    app,
  )
}
