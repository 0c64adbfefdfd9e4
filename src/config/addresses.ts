import { isIP } from 'node:net'
import { prepareDomain } from '../jid/domains.js'
import { readList } from './list.js'
import type { Report, Setting } from './settings.js'

/** An address or name of a host, IPv6 without brackets, and the port behind it if there is one. */
export interface Address {
  readonly host: string
  readonly port: number | undefined
}

/** Where something listens; port 0 is any free one. */
export interface Place {
  readonly host: string
  readonly port: number
}

/**
 * Reads addresses and names of hosts to listen on, separated by commas, each with a port or without; IPv6 addresses with
 * brackets, which may be left out where no port follows.
 */
export function readAddresses(text: string, report: Report): Address[] {
  const addresses = readList(text).map(
    entry =>
      readAddress(entry) ??
      report(`has "${entry}", which is neither an IP address nor a host name, with a port or without`),
  )
  if (addresses.length === 0) report('must have an address, such as 127.0.0.1')
  return once(addresses.filter(address => address !== undefined))
}

/** Reads one of them. */
export function readAddress(text: string): Address | undefined {
  if (isIP(text) !== 0) return { host: text, port: undefined }
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && port > 65535) return undefined
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined
  const host = isIP(plain) === 4 ? plain : prepareDomain(plain)
  return host === undefined ? undefined : { host, port }
}

/** Reads ports separated by commas, or `off` for none. */
export function readPorts(
  text: string,
  report: Report,
  { range: [least, most] = [0, 65535] }: Setting,
): number[] {
  if (text.toLowerCase() === 'off') return []
  const ports = readList(text).map(entry => {
    const port = /^\d{1,5}$/.test(entry) ? Number(entry) : Number.NaN
    return port >= least && port <= most ? port : undefined
  })
  if (ports.length === 0 || ports.includes(undefined))
    report(`must be ports from ${least} to ${most}, separated by commas, or off`)
  // Each 0 is a port of its own.
  return ports.filter((port, index) => port === 0 || ports.indexOf(port) === index) as number[]
}

/** All of the addresses, each at its own port or else at all of these. */
export function placesOf(addresses: readonly Address[], ports: readonly number[]): Place[] {
  if (ports.length === 0) return []
  return once(
    addresses.flatMap(({ host, port }) =>
      port === undefined ? ports.map(usual => ({ host, port: usual })) : [{ host, port }],
    ),
  )
}

/** Whether something that listens at one of two places leaves nothing of the other. */
export function collide(one: Place, other: Place): boolean {
  const isSameHost = one.host === other.host || isWildcard(one.host) || isWildcard(other.host)
  return one.port !== 0 && one.port === other.port && isSameHost
}

/** Whether an address to listen on is every one of this machine. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** Each entry once, but for port 0, which is another one each time. */
function once<T extends Address>(entries: readonly T[]): T[] {
  return entries.filter(
    ({ host, port }, index) =>
      port === 0 || entries.findIndex(other => other.host === host && other.port === port) === index,
  )
}
