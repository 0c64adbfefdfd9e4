import { hash } from 'node:crypto'
import { fingerprintOf } from '../lib/secrets/seal-keys.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import type { Config, HostEntry, RemoteEndpoint } from './config.js'

/** Below WEBSOCKET_PATH, for pages that attach with a token. */
export const attachPath = '/warm'

/** Returns hashes of settings that all processes must share. */
export function settingsInCommon(config: Config): Readonly<Record<string, string>> {
  const { domains, externalUrl, boshPath, warmPath, websocketPath, pagePath, admins, http, limits, rates } = config
  const { sealKeys, pages } = config
  const texts = {
    XMPP_DOMAINS: domains,
    EXTERNAL_URL: externalUrl,
    HTTP_HOSTS: [...http.hosts],
    ADMIN_USERS: [...new Map(admins.map(({ name, domains: own, role }) => [name, [own, role]]))],
    SEAL_KEY_FILE: sealKeys?.[0] && fingerprintOf(sealKeys[0]),
    BOSH_PATH: boshPath,
    WARM_PATH: warmPath,
    WEBSOCKET_PATH: websocketPath,
    PAGE_PATH: pagePath,
    PAGE_GUESTS: pages.guests,
    MAX_SESSIONS_PER_JID: limits.sessionsPerJid,
    MAX_SESSIONS_PER_ADDRESS: limits.sessionsPerAddress,
    MAX_UNAUTHENTICATED_PER_ADDRESS: limits.unauthenticatedPerAddress,
    'RATE_…': rates,
  }
  return Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [name, hash('sha256', JSON.stringify(value) ?? '').slice(0, 16)]),
  )
}

type Serving = Pick<Config, 'servers' | 'remotes'>

export function remoteOf({ servers, remotes }: Serving, domain: string): RemoteEndpoint | undefined {
  return remotes.get(domain) ?? (servers.has(domain) ? undefined : remotes.get('*'))
}

export function isElsewhere(config: Serving & Pick<Config, 'remote'>, domain: string): boolean {
  return config.remote.attach === 'there' && remoteOf(config, domain) !== undefined
}

/**
 * Limits `domains` and the domains of admins to `own`, unless a host in `own` serves all domains. The URL and the paths
 * come from the first host.
 */
export function configOfHost(config: Config, own: readonly [HostEntry, ...HostEntry[]]): Config {
  const { domain, externalUrl, boshPath, warmPath, websocketPath } = own[0]
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
      defaultDomain: hasAll || own.length > 1 ? config.bosh.defaultDomain : domain,
    },
    warm: {
      ...config.warm,
      enabled: config.warm.enabled && warmPath !== undefined,
      hasPages: config.warm.hasPages && warmPath !== undefined,
    },
    websocket: {
      ...config.websocket,
      enabled: config.websocket.enabled && websocketPath !== undefined,
    },
    http: { ...config.http, hosts: new Map(), own, defaultHost: undefined },
  }
}

export function configOfDomain(config: Config, domain: string): Config {
  const own = [...config.http.hosts.values()].flat().filter(host => host.domain === domain)
  const host = own.find(({ warmPath }) => warmPath !== undefined) ?? own[0]
  return host === undefined ? config : configOfHost(config, [host])
}

export const accountFor = (accounts: Config['serviceAccounts'], domain: string) =>
  accounts.get(domain) ?? accounts.get('*')

export type EndpointPath = 'boshPath' | 'websocketPath'

export function urlOfDomain(
  { http }: Pick<Config, 'http'>,
  domain: string,
  endpoint: EndpointPath = 'boshPath',
): string | undefined {
  const hosts = [...http.hosts.values(), http.own].flat().filter(host => host.domain === domain)
  const own = hosts.find(host => host.externalUrl !== undefined && host[endpoint] !== undefined)
  return own && `${own.externalUrl}${own[endpoint]}`
}

export function pathOf(
  config: Pick<Config, 'http' | EndpointPath>,
  domain: string,
  endpoint: EndpointPath = 'boshPath',
): string {
  return config.http.own.find(host => host.domain === domain)?.[endpoint] ?? config[endpoint]
}
