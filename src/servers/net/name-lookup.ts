import { isIP } from 'node:net'
import { type Answer, remembering } from '../../lib/answer-cache.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { connectProblem } from '../../lib/connect-problem.js'
import type { Failure } from '../../xmpp/link.js'
import { type Dns, isAbsent, systemDns } from './dns.js'
import { inOrder, type Service, type Target } from './srv-records.js'

export type Addresses = readonly string[]

export interface Route {
  readonly targets: readonly Target[]
  readonly failure?: Failure | undefined
}

type Told<T> = Awaited<ReturnType<typeof settle<T>>>

type Services = Pick<Route, 'failure'> & { readonly records: readonly Service[] }

/** RFC 6120 §3.2.2. */
const usualPort = 5222

const mostAnswers = 10_000
/** Cache time of "no such record". Short, for operators who set up a domain. */
const absenceSeconds = 5
/** In seconds. The system reports no TTL. */
const systemSeconds = 30
/** In seconds. Node reports no TTL of SRV records. */
const serviceSeconds = 60
/** Longest cache time, in seconds. */
const mostSeconds = 3600
/** In milliseconds (RFC 8305 §3). */
const otherFamily = 50
const mostAddresses = 8

export interface NamesParts {
  readonly clock: Clock
  readonly dns?: Dns | undefined
  readonly preferDirectTls: boolean
  /** The operating system is asked too. Off with XMPP_DOMAINS=*: silent name servers would block all look-ups. */
  readonly local: boolean
}

export type Names = ReturnType<typeof createNames>

export function createNames({ clock, dns = systemDns(), preferDirectTls, local }: NamesParts) {
  const servicesOf = remembering(clock, mostAnswers, askServices)
  const system = remembering(clock, mostAnswers, askSystem)
  const found = remembering(clock, mostAnswers, askAddresses)

  function inRoute(domain: string, { records, failure }: Services): Route {
    if (records.length === 0) return itself(domain, failure)
    // `.` means "not available" (RFC 2782). The domain itself is used only without SRV records (RFC 6120 §3.2.1).
    const offered = records.filter(({ name }) => name !== '')
    if (offered.length > 0) return { targets: inOrder(offered, preferDirectTls) }
    return { targets: [], failure: failure ?? { step: 'resolve', code: 'host-unknown' } }
  }

  function itself(host: string, failure: Failure | undefined): Route {
    // If DNS fails, the hosts file may still know the name.
    const found = failure === undefined || !local
    return { targets: [{ host, port: usualPort, tls: 'starttls', found }], failure }
  }

  async function askServices(domain: string): Promise<Answer<Services>> {
    const ask = async (name: string, direct: boolean) => {
      const { records, error } = await settle(dns.services(`${name}._tcp.${domain}`))
      return { records: records.map(record => ({ ...record, direct })), error }
    }
    const answers = await Promise.all([ask('_xmpps-client', true), ask('_xmpp-client', false)])
    const records = answers.flatMap(answer => answer.records)
    const error = answers.map(({ error }) => error).find(error => error && !isAbsent(error))
    const failure = error === undefined ? undefined : nameFailure(error)
    const isSure = failure === undefined && records.length > 0
    return { value: { records, failure }, seconds: isSure ? serviceSeconds : absenceSeconds }
  }

  async function askSystem(name: string): Promise<Answer<Addresses | Failure>> {
    const { records, error } = await settle(dns.system(name))
    if (error !== undefined) return { value: nameFailure(error), seconds: absenceSeconds }
    return { value: interleave(records), seconds: systemSeconds }
  }

  async function askAddresses(name: string): Promise<Answer<Addresses | Failure>> {
    const families = [settle(dns.ipv6(name)), settle(dns.ipv4(name))]
    const answers = await inTime(families, clock)
    const records = answers.flatMap(answer => answer.records)
    if (records.length > 0) {
      const ttl = Math.min(mostSeconds, ...records.map(record => record.ttl))
      return {
        value: interleave(records.map(({ address }) => address)),
        seconds: answers.length < families.length ? Math.min(ttl, absenceSeconds) : ttl,
      }
    }
    if (local) {
      const value = await system(name)
      if (!('code' in value)) return { value, seconds: systemSeconds }
    }
    const errors = answers.flatMap(({ error }) => error ?? [])
    const error = errors.find(error => !isAbsent(error)) ?? errors[0]
    const value: Failure = error === undefined ? { step: 'resolve', code: 'host-unknown' } : nameFailure(error)
    return { value, seconds: absenceSeconds }
  }

  return {
    /** Targets in order of preference. Never rejects. */
    routeTo(domain: string): Route | Promise<Route> {
      // JIDs have IPv6 addresses in brackets (RFC 7622 §3.2).
      const host = domain.replace(/^\[(.*)\]$/, '$1')
      if (isIP(host) !== 0 || isLocal(host)) return itself(host, undefined)
      const services = servicesOf(domain)
      if (services instanceof Promise) return services.then(known => inRoute(domain, known))
      return inRoute(domain, services)
    },

    addressesOf({ host, found: isFound = false }: Pick<Target, 'host' | 'found'>): ReturnType<typeof system> {
      if (isIP(host) !== 0) return [host]
      if (!isFound) return system(host)
      if (!isLocal(host)) return found(host)
      return local ? system(host) : loopback
    },
  }
}

/** Waits for both families, but at most `otherFamily` after the first answer. */
async function inTime<T>(families: readonly Promise<Told<T>>[], clock: Clock): Promise<Told<T>[]> {
  const answers: Told<T>[] = []
  let moment: Timer | undefined
  await new Promise<void>(resolve => {
    for (const family of families)
      family.then(answer => {
        answers.push(answer)
        if (answers.length === families.length) resolve()
        else if (answer.error === undefined) moment = clock.after(otherFamily, resolve)
      })
  })
  moment?.cancel()
  return [...answers]
}

const loopback: Addresses = ['::1', '127.0.0.1']

/** RFC 6761 §6.3. */
function isLocal(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Alternates the families: one may not work (RFC 8305 §4). */
function interleave(addresses: Addresses): Addresses {
  const unique = [...new Set(addresses)]
  const family = isIP(unique[0] ?? '')
  const first = unique.filter(address => isIP(address) === family).slice(0, mostAddresses)
  const second = unique.filter(address => isIP(address) !== family).slice(0, mostAddresses)
  return first
    .flatMap((address, at) => [address, ...second.slice(at, at + 1)])
    .concat(second.slice(first.length))
    .slice(0, mostAddresses)
}

function nameFailure(error: NodeJS.ErrnoException): Failure {
  if (isAbsent(error)) return { step: 'resolve', code: 'host-unknown', cause: error }
  const code = error.code === 'ETIMEOUT' ? 'timeout' : connectProblem(error)
  return { step: 'resolve', code, cause: error }
}

async function settle<T>(answer: Promise<readonly T[]>) {
  try {
    return { records: await answer, error: undefined }
  } catch (error) {
    return { records: [] as readonly T[], error: error as NodeJS.ErrnoException }
  }
}
