// What is served under each host name: the same service, with the domain and the addresses of that name.
import type { RequestListener } from 'node:http'
import type { Express, Router } from 'express'
import { createApp, createMisdirectedApp } from './app.js'
import type { CookieRules } from './bosh/attach-cookie.js'
import { type ConnectionManager, createConnectionManager } from './bosh/connection-manager.js'
import { createCors } from './bosh/http-reply.js'
import { createBoshListener } from './bosh/listener.js'
import type { Config, HttpHost } from './config/config.js'
import { boshUrlOfDomain, configOfHost } from './config/serving.js'
import type { Counts } from './counts.js'
import { homePath, redirectBase, secureBase } from './http/addresses.js'
import { answerBare } from './http/bare-answer.js'
import { accessBy } from './http/client.js'
import type { DispatchTable, Routes } from './http/dispatch.js'
import type { UnfinishedBodies } from './http/unfinished-bodies.js'
import type { Clock } from './lib/clock.js'
import type { HashQueue } from './lib/hash-queue.js'
import type { OpenLink } from './link.js'
import type { LogFor } from './log.js'
import type { SessionLimits } from './session/limits.js'
import { createOpener } from './session/opener.js'
import type { RateShaper } from './session/rate-shaper.js'
import type { Registry } from './session/registry.js'
import type { Open, Opening, Sessions } from './session/sessions.js'
import type { CallLimits } from './warm/call-limits.js'
import type { FinishedCall } from './warm/calls.js'
import {
  createCredentialsCheck,
  createLogin,
  type Login,
  type SessionLoginParts,
} from './warm/session-login.js'

/** Longest BOSH request body, in bytes. */
const maxBodyBytes = 512 * 1024

/** What the sites of all hosts have in common. */
export interface SiteParts {
  readonly registry: Registry
  /** Opens links to XMPP servers. */
  readonly connect: OpenLink
  /** Opens a session at a remote endpoint that its page will talk to; undefined where a domain's sessions are opened here. */
  readonly openThere: (...about: Parameters<Open>) => Opening | undefined
  readonly login: Omit<SessionLoginParts, 'open'>
  readonly sessions: Sessions
  /** Ends a warmed session that no page will attach to, by its public handle. */
  readonly release: (id: string) => void
  readonly hashes: HashQueue
  readonly limits: SessionLimits
  readonly shaper: RateShaper
  readonly bodies: UnfinishedBodies
  readonly callLimits: CallLimits
  readonly clock: Clock
  readonly logFor: LogFor
  readonly counts: Counts
  /** Called with the outcome of each warm API call. */
  readonly onCall: (call: FinishedCall) => void
  /** Whether the service is being stopped. */
  readonly isStopping: () => boolean
  /** Further routes of each site. */
  readonly routers: (parts: { login: Login; release: (id: string) => void }) => readonly Router[]
}

/** What opens the sessions of a site: for browsers over BOSH, and for logins of this process. */
interface SiteSessions {
  readonly manager: ConnectionManager
  readonly open: Open
}

/** What answers at each host in the settings, and at any other. */
export function createSites(config: Config, parts: SiteParts): Pick<DispatchTable, 'hosts' | 'otherHosts'> {
  const { hosts, defaultHost, strictHost } = config.http
  const sites = new Map([...hosts].map(([name, own]) => [name, createHost(config, own, parts)]))
  const usual = defaultHost === undefined ? undefined : sites.get(defaultHost)
  const other = usual ?? (strictHost ? refusal(config, parts) : createSite([config], [config], parts))
  return { hosts: sites, otherHosts: other }
}

/** The site of a host: a BOSH endpoint for each of its domains, and one warm API for those that have it at the same path. */
function createHost(config: Config, hosts: readonly HttpHost[], parts: SiteParts): Routes {
  const endpoints = new Map(hosts.map(host => [host, configOfHost(config, [host])]))
  const apis = [...new Set(hosts.map(({ warmPath }) => warmPath))].map(path => {
    const [first, ...others] = hosts.filter(({ warmPath }) => warmPath === path)
    return others.length === 0 ? endpoints.get(first!)! : configOfHost(config, [first!, ...others])
  })
  return createSite([...endpoints.values()], apis, parts)
}

/** BOSH endpoints and warm APIs, each with settings of its own. The first of the apps answers everything else too. */
function createSite(endpoints: readonly Config[], apis: readonly Config[], parts: SiteParts): Routes {
  const sessions = new Map<Config, SiteSessions>()
  for (const config of new Set([...endpoints, ...apis])) sessions.set(config, createSessions(config, parts))
  const apps = apis.map(config => ({ config, app: createApi(config, sessions.get(config)!.open, parts) }))
  return {
    paths: new Map(
      endpoints
        .filter(({ bosh }) => bosh.enabled)
        .map(config => [config.boshPath, createEndpoint(config, sessions.get(config)!.manager, parts)]),
    ),
    below: apps
      .slice(1)
      .filter(({ config }) => config.warm.enabled)
      .map(({ config, app }) => [config.warmPath, app]),
    rest: apps[0]!.app,
  }
}

function createSessions(config: Config, parts: SiteParts): SiteSessions {
  const { registry, clock, logFor, counts } = parts
  const { bosh } = config
  const opener = createOpener({
    registry,
    domains: config.domains,
    retiredDomains: config.retiredDomains,
    connect: parts.connect,
    clock,
    log: logFor('bosh'),
    counts,
    limits: parts.limits,
    shaper: parts.shaper,
  })
  const manager = createConnectionManager({
    opener,
    defaultDomain: bosh.defaultDomain,
    terms: bosh,
    requireSecure: bosh.requireSecure,
    cookies: cookieRules(config),
  })
  const openHere = opener.forLogins(manager.attach)
  return { manager, open: (...about) => parts.openThere(...about) ?? openHere(...about) }
}

/** The Express app, whose logins open sessions at the same domains. */
function createApi(config: Config, open: Open, parts: SiteParts): Express {
  const { sessions, release, hashes, clock, logFor, counts, onCall, isStopping } = parts
  const warmLog = logFor('warm')
  const loginParts = { ...parts.login, log: warmLog, open }
  const login = createLogin(loginParts)
  return createApp({
    config,
    login,
    sessions,
    release,
    clock,
    hashes,
    counts,
    onCall,
    isStopping,
    checkCredentials: createCredentialsCheck(loginParts),
    limits: parts.callLimits,
    log: warmLog,
    httpLog: logFor('http'),
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

/** Attributes of the cookies of a domain's sessions: browsers send them to the endpoint that the binding names. */
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

/** Refuses requests to hosts that are none of ours (RFC 9110 §15.5.20). */
function refusal(config: Config, { logFor, counts }: SiteParts): Routes {
  const refuseBosh: RequestListener = (_req, res) => answerBare(res, 421)
  const rest = createMisdirectedApp({ config, log: logFor('http'), counts })
  return { paths: new Map([[config.boshPath, refuseBosh]]), below: [], rest }
}
