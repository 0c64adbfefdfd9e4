import { isIP } from 'node:net'
import { type Answer, remembering } from '../../lib/answer-cache.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { connectProblem } from '../../lib/errors.js'
import type { Failure } from '../../xmpp/link.js'
import { type Dns, isAbsent, systemDns } from './dns.js'
import { inOrder, type Service, type Target } from './srv-records.js'

/** IP addresses, in the order in which they are tried. */
export type Addresses = readonly string[]

/** Where to look for a domain's server. */
export interface Route {
  readonly targets: readonly Target[]
  /** What went wrong in finding them. */
  readonly failure?: Failure | undefined
}

/** The records that answer a question, or the error. */
type Told<T> = Awaited<ReturnType<typeof settle<T>>>

/** The service records of a domain, and why there may be more than these. */
type Services = Pick<Route, 'failure'> & { readonly records: readonly Service[] }

/** Port of a domain without service records (RFC 6120 §3.2.2). */
const usualPort = 5222

/** How many answers of each kind are remembered. */
const mostAnswers = 10_000
/** How long it is remembered that there is no answer, in seconds: an operator who sets up a domain wants to see it work. */
const absenceSeconds = 5
/** The system has no time to live. Long enough that a thousand logins are one look-up. */
const systemSeconds = 30
/** Node has no time to live for service records. Name servers give them minutes and more; a minute too long does no harm. */
const serviceSeconds = 60
/** Longest time that an address is remembered, however long its time to live: a move needs no restart. */
const mostSeconds = 3600
/** How long the addresses of one family wait for those of the other, in milliseconds (RFC 8305 §3). */
const otherFamily = 50
/** Addresses of one name that are tried. */
const mostAddresses = 8

export interface NamesParts {
  readonly clock: Clock
  /** The name servers of this machine, unless a test has its own. */
  readonly dns?: Dns | undefined
  /** Whether direct TLS goes first where a domain has both and likes them equally. */
  readonly preferDirectTls: boolean
  /**
   * Whether names out of the DNS may also be looked up by this machine's own means, such as its hosts file. Not where
   * strangers choose the names: a name with silent name servers would hold up the look-ups of all others.
   */
  readonly local: boolean
}

export type Names = ReturnType<typeof createNames>

/** Finds servers by the names of their domains, and remembers what it found. RFC 6120 §3.2, XEP-0368. */
export function createNames({ clock, dns = systemDns(), preferDirectTls, local }: NamesParts) {
  const servicesOf = remembering(clock, mostAnswers, askServices)
  const system = remembering(clock, mostAnswers, askSystem)
  const found = remembering(clock, mostAnswers, askAddresses)

  function inRoute(domain: string, { records, failure }: Services): Route {
    if (records.length === 0) return itself(domain, failure)
    // "Decidedly not available" (RFC 2782); the domain itself is not tried once it has said anything (RFC 6120 §3.2.1).
    const offered = records.filter(({ name }) => name !== '')
    if (offered.length > 0) return { targets: inOrder(offered, preferDirectTls) }
    return { targets: [], failure: failure ?? { step: 'resolve', code: 'host-unknown' } }
  }

  /** Without service records a domain is its own server (RFC 6120 §3.2.2). */
  function itself(host: string, failure: Failure | undefined): Route {
    // Where the DNS did not answer the first question, the hosts file may know more than asking it again.
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
    const value: Failure =
      error === undefined ? { step: 'resolve', code: 'host-unknown' } : nameFailure(error)
    return { value, seconds: absenceSeconds }
  }

  return {
    /** Where a domain's server may be, in the order in which to try. The promise never rejects. */
    routeTo(domain: string): Route | Promise<Route> {
      // An address as a domain is written in brackets (RFC 7622 §3.2), as a host without.
      const host = domain.replace(/^\[(.*)\]$/, '$1')
      if (isIP(host) !== 0 || isLocal(host)) return itself(host, undefined)
      const services = servicesOf(domain)
      if (services instanceof Promise) return services.then(known => inRoute(domain, known))
      return inRoute(domain, services)
    },

    /** The addresses of a target, or why there are none. The promise never rejects. */
    addressesOf({ host, found: isFound = false }: Target): ReturnType<typeof system> {
      if (isIP(host) !== 0) return [host]
      if (!isFound) return system(host)
      if (!isLocal(host)) return found(host)
      return local ? system(host) : loopback
    },
  }
}

/** The answers once both have come, or a moment after one has brought an address. */
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

/** Names that are never asked for outside of this machine (RFC 6761 §6.3). */
function isLocal(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** The families take turns, so that one that leads nowhere costs little (RFC 8305 §4). */
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

/** The failure that a DNS error stands for. */
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
