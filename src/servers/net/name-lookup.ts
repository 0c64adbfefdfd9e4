import type { SrvRecord } from 'node:dns'
import { isIP } from 'node:net'
import { type Answer, cacheAnswers } from '../../lib/answer-cache.js'
import type { Clock } from '../../lib/clock.js'
import { connectProblem } from '../../lib/connect-problem.js'
import { withoutBrackets } from '../../lib/text/without-brackets.js'
import type { Failure } from '../../xmpp/link.js'
import { type Dns, isAbsent, systemDns } from './dns.js'
import { inOrder, mostTargets, type Service, type Target } from './srv-records.js'

export type Addresses = readonly string[]

export interface Route {
  readonly targets: readonly Target[]
  readonly failure?: Failure | undefined
}

type Services = Pick<Route, 'failure'> & { readonly records: readonly Service[] }

/** RFC 6120 §3.2.2. */
const usualPort = 5222

const mostAnswers = 10_000
/** Short, so that new DNS records work soon. */
const absenceCacheSeconds = 5
/** The system reports no TTL. */
const systemCacheSeconds = 30
/** Node reports no TTL of SRV records. */
const serviceCacheSeconds = 60
const mostCacheSeconds = 3600
/** Of each family. */
const mostAddresses = 4
/** RFC 1035 §2.3.4. */
const longestName = 255

interface NameLookupParts {
  readonly clock: Clock
  readonly dns?: Dns | undefined
  /**
   * If true, also asks the operating system. False with XMPP_DOMAINS=*, because each domain with a silent name server
   * would block a thread for up to 30 s.
   */
  readonly local: boolean
}

export type NameLookup = ReturnType<typeof createNameLookup>

export function createNameLookup({ clock, dns = systemDns(), local }: NameLookupParts) {
  const servicesOf = cacheAnswers(clock, mostAnswers, askServices)
  const system = cacheAnswers(clock, mostAnswers, askSystem)
  const found = cacheAnswers(clock, mostAnswers, askAddresses)

  function inRoute(domain: string, { records, failure }: Services): Route {
    // RFC 6120 §3.2.1.
    if (records.length === 0) return itself(domain, failure)
    // An empty name means "not available" (RFC 2782).
    const offered = records.filter(({ name }) => name !== '')
    if (offered.length > 0) return { targets: inOrder(offered) }
    return { targets: [], failure: failure ?? { step: 'resolve', code: 'host-unknown' } }
  }

  function itself(host: string, failure: Failure | undefined): Route {
    // After a failure of DNS, the operating system is asked, because its hosts file may have the name.
    const usesDns = failure === undefined || !local
    return { targets: [{ host, port: usualPort, tls: 'starttls', usesDns }], failure }
  }

  async function askServices(domain: string): Promise<Answer<Services>> {
    const ask = async (name: string, direct: boolean) =>
      fewServices(await dns.services(`${name}._tcp.${domain}`)).map(record => ({ ...record, direct }))
    const { records, errors } = await settled([ask('_xmpps-client', true), ask('_xmpp-client', false)])
    const error = errors.find(error => !isAbsent(error))
    const failure = error === undefined ? undefined : nameFailure(error)
    const isSure = failure === undefined && records.length > 0
    return { value: { records, failure }, seconds: isSure ? serviceCacheSeconds : absenceCacheSeconds }
  }

  async function askSystem(name: string): Promise<Answer<Addresses | Failure>> {
    const { records, errors } = await settled([dns.system(name)])
    if (errors.length > 0) return { value: nameFailure(errors[0]!), seconds: absenceCacheSeconds }
    return { value: few(records), seconds: systemCacheSeconds }
  }

  async function askAddresses(name: string): Promise<Answer<Addresses | Failure>> {
    const { records, errors } = await settled([dns.ipv6(name), dns.ipv4(name)])
    if (records.length > 0) {
      const seconds = records.reduce((least, { ttl }) => Math.min(least, ttl), mostCacheSeconds)
      return { value: few(records.map(({ address }) => address)), seconds }
    }
    if (local) {
      const value = await system(name)
      if (!('code' in value)) return { value, seconds: systemCacheSeconds }
    }
    const error = errors.find(error => !isAbsent(error)) ?? errors[0]
    const value: Failure = error === undefined ? { step: 'resolve', code: 'host-unknown' } : nameFailure(error)
    return { value, seconds: absenceCacheSeconds }
  }

  return {
    routeTo(domain: string): Route | Promise<Route> {
      // JIDs have IPv6 addresses in brackets (RFC 7622 §3.2).
      const host = withoutBrackets(domain)
      if (isIP(host) !== 0 || isLocal(host)) return itself(host, undefined)
      const services = servicesOf(domain)
      if (services instanceof Promise) return services.then(known => inRoute(domain, known))
      return inRoute(domain, services)
    },

    addressesOf({ host, usesDns = false }: Pick<Target, 'host' | 'usesDns'>): ReturnType<typeof system> {
      if (isIP(host) !== 0) return [host]
      if (!usesDns) return system(host)
      if (!isLocal(host)) return found(host)
      return local ? system(host) : loopback
    },
  }
}

const loopback: Addresses = ['::1', '127.0.0.1']

/** RFC 6761 §6.3. */
function isLocal(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Node.js alternates between the families (RFC 8305 §4). */
function few(addresses: Addresses): Addresses {
  return [6, 4].flatMap(family => addresses.filter(address => isIP(address) === family).slice(0, mostAddresses))
}

/** A domain of a stranger can have thousands of records. */
function fewServices(records: readonly SrvRecord[]): readonly SrvRecord[] {
  const usable = records.filter(({ name }) => name.length <= longestName)
  return usable.toSorted((one, other) => one.priority - other.priority).slice(0, mostTargets)
}

function nameFailure(error: NodeJS.ErrnoException): Failure {
  if (isAbsent(error)) return { step: 'resolve', code: 'host-unknown', cause: error }
  const code = error.code === 'ETIMEOUT' ? 'timeout' : connectProblem(error)
  return { step: 'resolve', code, cause: error }
}

async function settled<T>(answers: readonly Promise<readonly T[]>[]) {
  const all = await Promise.allSettled(answers)
  return {
    records: all.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : [])),
    errors: all.flatMap(answer => (answer.status === 'rejected' ? [answer.reason as NodeJS.ErrnoException] : [])),
  }
}
