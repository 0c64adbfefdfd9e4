import { isIP } from 'node:net'
import { isLoopback } from '../../lib/client-network.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { entriesOf, type Kind, listOf } from './kinds.js'

export interface Address {
  /** IPv6 without brackets. For a Unix socket, `unix:` and its path. */
  readonly host: string
  readonly port: number | undefined
}

export interface Place extends Address {
  /** 0 for any free port, and for Unix sockets. */
  readonly port: number
}

const socketScheme = 'unix:'
/** In bytes (`sun_path` of Linux). */
const longestSocketPath = 107

export function socketPath(host: string): string | undefined {
  return host.startsWith(socketScheme) ? host.slice(socketScheme.length) : undefined
}

export const isSocket = ({ host }: Pick<Address, 'host'>) => socketPath(host) !== undefined

export function isLocal(address: Address): boolean {
  return isSocket(address) || isLoopback(address.host)
}

const addressList = listOf(
  readAddress,
  `neither an IP address nor a host name, with a port or without, nor unix: and an absolute path of at most ${longestSocketPath} bytes`,
  'must have an address, such as 127.0.0.1',
)

export const socketProblem = `must have an absolute path of at most ${longestSocketPath} bytes after unix:`

/** IPv6 needs brackets only with a port. */
export const addresses: Kind<readonly Address[]> = (text, report) => distinct(addressList(text, report) ?? [])

export function readAddress(text: string): Address | undefined {
  const path = socketPath(text)
  if (path !== undefined && !(/^\/.*[^/]$/.test(path) && Buffer.byteLength(path) <= longestSocketPath)) return undefined
  if (path !== undefined || isIP(text) !== 0) return { host: text, port: undefined }
  const [, bracketed, bare = '', digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && port > 65535) return undefined
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined
  const host = isIP(bare) === 4 ? bare : prepareDomain(bare)
  return host === undefined ? undefined : { host, port }
}

export const ports: Kind<readonly number[]> = (text, report) => {
  if (text.toLowerCase() === 'off') return []
  const list = entriesOf(text)
  if (list.length === 0 || !list.every(entry => /^\d{1,5}$/.test(entry) && Number(entry) <= 65535))
    return report('must be ports from 0 to 65535, separated by commas, or off')
  // Each 0 selects another free port.
  return list.map(Number).filter((port, index, all) => port === 0 || all.indexOf(port) === index)
}

export const metricsAddress: Kind<Place | undefined> = (text, report) =>
  text.toLowerCase() === 'none'
    ? undefined
    : (readPlace(text) ?? report('must be an address with a port, such as 127.0.0.1:9110 or [::1]:9110, or none'))

export const peerListen: Kind<Place> = (text, report) =>
  readPlace(text) ?? report('must be an address with a port, such as 10.0.0.11:9191 or [::]:9191')

function readPlace(text: string): Place | undefined {
  const { host, port } = readAddress(text) ?? {}
  return host === undefined || port === undefined ? undefined : { host, port }
}

export const peerAddress: Kind<Address> = (text, report) => {
  const address = readAddress(text)
  if (address === undefined || isSocket(address) || address.port === 0)
    return report('must be a host name or an IP address, with a port or without, such as chat1.example.org:9191')
  if (isWildcard(address.host)) return report('must be an address that other machines can connect to')
  return address
}

export function placesOf(addresses: readonly Address[], ports: readonly number[]): readonly Place[] {
  return distinct(
    addresses.flatMap(address => {
      const { host, port } = address
      if (isSocket(address)) return [{ host, port: 0 }]
      if (ports.length === 0) return []
      return port === undefined ? ports.map(usual => ({ host, port: usual })) : [{ host, port }]
    }),
  )
}

/** `::` includes IPv4 only if `list` has no other host. */
export function isAlone(host: string, list: readonly Place[]): boolean {
  return list.every(place => place.host === host || isSocket(place))
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

export function written({ host, port }: Address): string {
  if (isSocket({ host })) return host
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function distinct<T extends Address>(entries: readonly T[]): readonly T[] {
  return entries.filter(
    ({ host, port }, index) =>
      (port === 0 && !isSocket({ host })) ||
      entries.findIndex(other => other.host === host && other.port === port) === index,
  )
}
