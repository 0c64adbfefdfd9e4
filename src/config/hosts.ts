import type { Config, HttpHost } from './config.js'
import { allowsDomain, prepareDomain } from './domains.js'
import { readList } from './list.js'
import { readOptions } from './options.js'
import { hostVariable, readPath } from './paths.js'
import type { Report } from './settings.js'
import { readBaseUrl } from './urls.js'

/** An entry of `HTTP_HOSTS` as it is written; what it leaves out is as for all others. */
export interface HostEntry {
  readonly domain: string
  readonly externalUrl: string | undefined
  readonly boshPath: string | undefined
  readonly warmPath: string | undefined
}

/**
 * Reads `host=domain?url=https://host&bosh=/path&warm=off,…`, where `host` alone is one that has the name of its domain.
 * By the names of HTTP hosts, lower case and without a port.
 */
export function readHosts(text: string, report: Report): Map<string, HostEntry> {
  const hosts = new Map<string, HostEntry>()
  for (const [index, entry] of readList(text).entries()) {
    const [, left = '', right, query = ''] = /^([^=?]*)(?:=([^?]*))?(?:\?(.*))?$/s.exec(entry) ?? []
    const name = readHostName(left)
    const domain = prepareDomain((right ?? left.replace(/:\d*$/, '')).trim())
    if (name === undefined || domain === undefined || domain.startsWith('['))
      report(`entry ${index + 1} must be like chat.example.org=example.org`)
    else if (hosts.has(name)) report(`lists ${name} twice`)
    else
      hosts.set(
        name,
        readEntry(domain, query, problem => report(`for ${name} ${problem}`)),
      )
  }
  return hosts
}

/** The name of a host as `Host` and `HTTP_HOSTS` have it: in any case, with a port or without (RFC 9110 §7.2). */
export function readHostName(text: string): string | undefined {
  return prepareDomain(text.trim().replace(/:\d*$/, ''))
}

function readEntry(domain: string, query: string, report: Report): HostEntry {
  const options = readOptions(query, ['url', 'bosh', 'warm'], report)
  const url = options.get('url')
  const path = (name: string) => {
    const text = options.get(name)
    return text === undefined || text === 'off'
      ? text
      : readPath(text, problem => report(`has ${name}, which ${problem}`))
  }
  const externalUrl =
    url === undefined ? url : readBaseUrl(url, problem => report(`has url, which ${problem}`))
  return { domain, externalUrl, boshPath: path('bosh'), warmPath: path('warm') }
}

/** Fills in what an entry leaves out; of paths that are `off` nothing is left. */
export function completeHost(entry: HostEntry, usual: Pick<Config, 'boshPath' | 'warmPath'>): HttpHost {
  const path = (own: string | undefined, other: string) =>
    own === 'off' ? undefined : (own ?? other).replaceAll(hostVariable, entry.domain)
  return {
    domain: entry.domain,
    externalUrl: entry.externalUrl,
    boshPath: path(entry.boshPath, usual.boshPath),
    warmPath: path(entry.warmPath, usual.warmPath),
  }
}

/** The settings of a host: its domain is the only one, for admins as well, and its addresses are its own. */
export function configOfHost(config: Config, { domain, externalUrl, boshPath, warmPath }: HttpHost): Config {
  return {
    ...config,
    domains: [domain],
    admins: config.admins.map(admin => ({
      ...admin,
      domains: allowsDomain(admin.domains, domain) ? [domain] : [],
    })),
    externalUrl,
    boshPath: boshPath ?? config.boshPath,
    warmPath: warmPath ?? config.warmPath,
    bosh: {
      ...config.bosh,
      enabled: config.bosh.enabled && boshPath !== undefined,
      defaultDomain: domain,
    },
    warm: { ...config.warm, enabled: config.warm.enabled && warmPath !== undefined },
    http: { ...config.http, hosts: new Map(), defaultHost: undefined, strictHost: false },
  }
}

/** The BOSH endpoint's address for browsers of a domain's users, where a host with a URL of its own is theirs. */
export function boshUrlOfDomain({ http }: Pick<Config, 'http'>, domain: string): string | undefined {
  for (const host of http.hosts.values()) {
    const { externalUrl, boshPath } = host
    if (host.domain === domain && externalUrl !== undefined && boshPath !== undefined)
      return externalUrl + boshPath
  }
  return undefined
}
