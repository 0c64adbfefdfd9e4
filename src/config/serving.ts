// What of the settings holds for a domain, or for a name of HTTP.
import { hash } from 'node:crypto'
import { allowsDomain } from '../xmpp/jid/domains.js'
import type { Config, HttpHost, RemoteEndpoint } from './config.js'

/** Below the path of the WebSocket endpoint: where pages come that have a token. */
export const takeoverPath = '/warm'

/** What a site is called among the processes of one service, which have the same settings. */
export function siteName({ externalUrl, boshPath, websocketPath, domains }: Config): string {
  return [externalUrl, boshPath, websocketPath, ...domains].join(' ')
}

/** What all processes of one service should have in common, as hashes by the names of settings; no secrets are among it. */
export function settingsInCommon(config: Config): Readonly<Record<string, string>> {
  const { domains, externalUrl, boshPath, warmPath, websocketPath, admins, http, limits, rates } = config
  const texts = {
    XMPP_DOMAINS: domains,
    EXTERNAL_URL: externalUrl,
    HTTP_HOSTS: [...http.hosts],
    ADMIN_USERS: admins.map(({ name, domains: own }) => [name, own]),
    paths: [boshPath, warmPath, websocketPath],
    limits: [limits.sessionsPerJid, limits.sessionsPerAddress, limits.unauthenticatedPerAddress, rates],
  }
  return Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [
      name,
      hash('sha256', JSON.stringify(value) ?? '').slice(0, 16),
    ]),
  )
}

type Serving = Pick<Config, 'servers' | 'remotes'>

/** The remote endpoint that serves a domain, if one does. An entry for the domain itself wins over one for all others. */
export function remoteOf({ servers, remotes }: Serving, domain: string): RemoteEndpoint | undefined {
  return remotes.get(domain) ?? (servers.has(domain) ? undefined : remotes.get('*'))
}

/** Whether the browsers of a domain's users are sent to another endpoint, whose limits count then. */
export function isElsewhere(config: Serving & Pick<Config, 'remote'>, domain: string): boolean {
  return config.remote.attach === 'there' && remoteOf(config, domain) !== undefined
}

/**
 * The settings of a host: its domain is the only one, for admins as well, and its addresses are its own. Of several, which
 * share a warm API, they have all domains, and the addresses of the first.
 */
export function configOfHost(config: Config, [first, ...others]: readonly [HttpHost, ...HttpHost[]]): Config {
  const { externalUrl, boshPath, warmPath, websocketPath } = first
  const own = [first, ...others]
  const domains = own.map(({ domain }) => domain).filter(domain => domain !== undefined)
  const hasAll = domains.length < own.length
  const narrowed = {
    domains,
    admins: config.admins.map(admin => ({
      ...admin,
      domains: domains.filter(domain => allowsDomain(admin.domains, domain)),
    })),
  }
  return {
    ...config,
    ...(!hasAll && narrowed),
    externalUrl,
    boshPath: boshPath ?? config.boshPath,
    warmPath: warmPath ?? config.warmPath,
    websocketPath: websocketPath ?? config.websocketPath,
    bosh: {
      ...config.bosh,
      enabled: config.bosh.enabled && boshPath !== undefined,
      defaultDomain: hasAll || others.length > 0 ? config.bosh.defaultDomain : first.domain,
    },
    warm: { ...config.warm, enabled: config.warm.enabled && warmPath !== undefined },
    websocket: {
      ...config.websocket,
      enabled: config.websocket.enabled && websocketPath !== undefined,
    },
    http: { ...config.http, hosts: new Map(), own, defaultHost: undefined, strictHost: false },
  }
}

/** The settings that hold for a domain's users: those of its own host where it has one, and a warm API there before others. */
export function configOfDomain(config: Config, domain: string): Config {
  const own = [...config.http.hosts.values()].flat().filter(host => host.domain === domain)
  const host = own.find(({ warmPath }) => warmPath !== undefined) ?? own[0]
  return host === undefined ? config : configOfHost(config, [host])
}

/** The operator's account that logs the users of a domain in, if there is one. */
export const accountFor = (accounts: Config['serviceAccounts'], domain: string) =>
  accounts.get(domain) ?? accounts.get('*')

/** An endpoint for browsers, by where its path stands in the settings. */
export type EndpointPath = 'boshPath' | 'websocketPath'

/** The address of an endpoint for browsers of a domain's users, where a host with a URL of its own is theirs. */
export function urlOfDomain(
  { http }: Pick<Config, 'http'>,
  domain: string,
  endpoint: EndpointPath = 'boshPath',
): string | undefined {
  const hosts = [...http.hosts.values(), http.own].flat().filter(host => host.domain === domain)
  const own = hosts.find(host => host.externalUrl !== undefined && host[endpoint] !== undefined)
  return own && `${own.externalUrl}${own[endpoint]}`
}

/** Its path for a domain's users, which differs where one host has several domains. */
export function pathOf(
  config: Pick<Config, 'http' | EndpointPath>,
  domain: string,
  endpoint: EndpointPath = 'boshPath',
): string {
  return config.http.own.find(host => host.domain === domain)?.[endpoint] ?? config[endpoint]
}
