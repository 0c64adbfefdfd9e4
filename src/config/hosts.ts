import { domainToASCII } from 'node:url'
import { allowsDomain, prepareDomain } from '../jid/domains.js'
import type { Config, HttpHost } from './config.js'
import { readList } from './list.js'
import { readOptions } from './options.js'
import { hostVariable, readPath } from './paths.js'
import type { Report } from './settings.js'
import { readBaseUrl } from './urls.js'

/** An entry of `HTTP_HOSTS` as it is written; what it leaves out is as for all others. */
export interface HostEntry {
  /** Undefined where all are served. */
  readonly domain: string | undefined
  readonly externalUrl: string | undefined
  readonly boshPath: string | undefined
  readonly warmPath: string | undefined
}

/**
 * Reads `host=domain?url=https://host&bosh=/path&warm=off,…`, where `host` alone is one that has the name of its domain and
 * `host=` one that has none of its own; a host of several domains has an entry for each. By the names of HTTP hosts, lower
 * case and without a port.
 */
export function readHosts(text: string, report: Report): Map<string, HostEntry[]> {
  const hosts = new Map<string, HostEntry[]>()
  for (const [index, entry] of readList(text).entries()) {
    const [, left = '', right, query = ''] = /^([^=?]*)(?:=([^?]*))?(?:\?(.*))?$/s.exec(entry) ?? []
    const name = readHostName(left)
    const written = (right ?? left.replace(/:\d*$/, '')).trim()
    const domain = right !== undefined && written === '' ? undefined : (prepareDomain(written) ?? '[')
    const before = hosts.get(name ?? '') ?? []
    if (name === undefined || domain?.startsWith('['))
      report(`entry ${index + 1} must be like chat.example.org=example.org`)
    else if (before.some(other => other.domain === domain)) report(`lists ${name} twice`)
    else {
      const entry = readEntry(domain, query, problem => report(`for ${name} ${problem}`))
      hosts.set(name, [...before, entry])
    }
  }
  return hosts
}

/** The name of a host as `Host` and `HTTP_HOSTS` have it: in any case, with a port or without (RFC 9110 §7.2). */
export function readHostName(text: string): string | undefined {
  return prepareDomain(text.trim().replace(/:\d*$/, ''))
}

function readEntry(domain: string | undefined, query: string, report: Report): HostEntry {
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
  // Paths have A-labels: what is not ASCII is escaped in a request's.
  const filled = domainToASCII(entry.domain ?? '') || hostVariable
  const path = (own: string | undefined, other: string) =>
    own === 'off' ? undefined : (own ?? other).replaceAll(hostVariable, filled)
  return {
    domain: entry.domain,
    externalUrl: entry.externalUrl,
    boshPath: path(entry.boshPath, usual.boshPath),
    warmPath: path(entry.warmPath, usual.warmPath),
  }
}

/**
 * The settings of a host: its domain is the only one, for admins as well, and its addresses are its own. Of several, which
 * share a warm API, they have all domains, and the addresses of the first.
 */
export function configOfHost(config: Config, [first, ...others]: readonly [HttpHost, ...HttpHost[]]): Config {
  const { externalUrl, boshPath, warmPath } = first
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
    bosh: {
      ...config.bosh,
      enabled: config.bosh.enabled && boshPath !== undefined,
      defaultDomain: hasAll || others.length > 0 ? config.bosh.defaultDomain : first.domain,
    },
    warm: { ...config.warm, enabled: config.warm.enabled && warmPath !== undefined },
    http: { ...config.http, hosts: new Map(), own, defaultHost: undefined, strictHost: false },
  }
}

/** The BOSH endpoint's address for browsers of a domain's users, where a host with a URL of its own is theirs. */
export function boshUrlOfDomain({ http }: Pick<Config, 'http'>, domain: string): string | undefined {
  for (const host of [...http.hosts.values(), http.own].flat()) {
    const { externalUrl, boshPath } = host
    if (host.domain === domain && externalUrl !== undefined && boshPath !== undefined)
      return externalUrl + boshPath
  }
  return undefined
}

/** The BOSH endpoint's path for a domain's users, which differs where one host has several domains. */
export function boshPathOf({ http, boshPath }: Pick<Config, 'http' | 'boshPath'>, domain: string): string {
  return http.own.find(host => host.domain === domain)?.boshPath ?? boshPath
}
