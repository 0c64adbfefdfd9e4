// What is served under each host name: the same service, with the domain and the addresses of that name.
import type { RequestListener } from 'node:http'
import type { Express, Router } from 'express'
import { type AppParts, createApp, createMisdirectedApp } from './app.js'
import type { CookieRules } from './bosh/attach-cookie.js'
import { type ConnectionManager, createConnectionManager } from './bosh/connection-manager.js'
import { createCors } from './bosh/http-reply.js'
import { createBoshListener, type ListenerParts } from './bosh/listener.js'
import type { Config, HttpHost } from './config/config.js'
import { boshPathOf, boshUrlOfDomain, configOfHost } from './config/serving.js'
import { homePath, redirectBase, secureBase } from './http/addresses.js'
import { answerBare } from './http/bare-answer.js'
import { accessBy } from './http/client-rules.js'
import type { DispatchTable, Routes } from './http/dispatch.js'
import type { LogFor } from './log.js'
import { createOpener, type OpenerParts } from './session/opener.js'
import type { Open, Opening } from './session/sessions.js'
import { createLogins, type SessionLoginParts } from './warm/session-login.js'

/** Longest BOSH request body, in bytes. */
const maxBodyBytes = 512 * 1024

/** What the sites of all hosts have in common. */
export interface SiteParts
  extends Pick<OpenerParts, 'registry' | 'connect' | 'clock' | 'counts' | 'limits' | 'shaper'>,
    Pick<AppParts, 'sessions' | 'release' | 'hashes' | 'onCall' | 'isStopping'>,
    Pick<ListenerParts, 'bodies'> {
  /** Opens a session at a remote endpoint that its page will talk to; undefined where a domain's sessions are opened here. */
  readonly openThere: (...about: Parameters<Open>) => Opening | undefined
  readonly login: Omit<SessionLoginParts, 'open'>
  readonly callLimits: AppParts['limits']
  readonly logFor: LogFor
  /** Further routes of each site. */
  readonly routers: (parts: Pick<AppParts, 'login' | 'release'>) => readonly Router[]
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
  const configs = [...new Set([...endpoints, ...apis])]
  const sessions = new Map(configs.map(config => [config, createSessions(config, parts)]))
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

/** What opens the sessions of a site: for browsers over BOSH, and for logins of this process. */
function createSessions(config: Config, parts: SiteParts) {
  const { domains, retiredDomains, bosh } = config
  const opener = createOpener({ ...parts, domains, retiredDomains, log: parts.logFor('bosh') })
  const { defaultDomain, requireSecure } = bosh
  const cookies = (domain: string) => cookieRules(config, domain)
  const manager = createConnectionManager({ opener, defaultDomain, terms: bosh, requireSecure, cookies })
  const openHere = opener.forLogins(manager.attach)
  const open: Open = (...about) => parts.openThere(...about) ?? openHere(...about)
  return { manager, open }
}

/** The Express app, whose logins open sessions at the same domains. */
function createApi(config: Config, open: Open, parts: SiteParts): Express {
  const { callLimits, release, logFor } = parts
  const log = logFor('warm')
  const logins = createLogins({ ...parts.login, log, open })
  return createApp({
    ...parts,
    config,
    ...logins,
    limits: callLimits,
    log,
    httpLog: logFor('http'),
    extraRouters: parts.routers({ login: logins.login, release }),
  })
}

function createEndpoint(config: Config, manager: ConnectionManager, parts: SiteParts): RequestListener {
  const { bosh, boshPath } = config
  const clients = { ...config, assumeSecure: config.assumeSecure || bosh.assumeSecure }
  const below = (base: string | undefined) => (base === undefined ? undefined : base + boshPath)
  return createBoshListener({
    ...parts,
    ...manager,
    cors: createCors(config.cors),
    clients,
    secureUrl: req => below(secureBase(clients, req)),
    redirectUrl: req => (bosh.requireSecure ? below(redirectBase(clients, req)) : undefined),
    access: accessBy(config.access.bosh),
    maxBodyBytes,
    getText: bosh.getText,
  })
}

/** Attributes of the cookies of a domain's sessions: browsers send them to the endpoint that the binding names. */
function cookieRules(config: Config, domain: string): CookieRules {
  const { externalUrl, assumeSecure, bosh } = config
  const url = boshUrlOfDomain(config, domain)
  return {
    path: url === undefined ? homePath(externalUrl) + boshPathOf(config, domain) : new URL(url).pathname,
    secure: assumeSecure || bosh.assumeSecure || (url ?? externalUrl)?.startsWith('https:') === true,
  }
}

/** Refuses requests to hosts that are none of ours (RFC 9110 §15.5.20). */
function refusal(config: Config, { logFor, counts }: SiteParts): Routes {
  const refuseBosh: RequestListener = (_req, res) => answerBare(res, 421)
  const rest = createMisdirectedApp({ config, log: logFor('http'), counts })
  return { paths: new Map([[config.boshPath, refuseBosh]]), below: [], rest }
}
