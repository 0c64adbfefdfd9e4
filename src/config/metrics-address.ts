import { isIP } from 'node:net'
import { prepareDomain } from './domains.js'
import type { Report } from './settings.js'

/** What metrics are served at; an IPv6 address without brackets. Port 0 is any free one. */
export interface MetricsAddress {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, with brackets around an IPv6 address, or `none`. */
export function readMetricsAddress(text: string, report: Report): MetricsAddress | 'none' | undefined {
  if (text.toLowerCase() === 'none') return 'none'
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits ?? Number.NaN)
  const host = bracketed === undefined ? hostOf(plain ?? '') : isIP(bracketed) === 6 ? bracketed : undefined
  if (host !== undefined && port <= 65535) return { host, port }
  return report('must be an address with a port, such as 127.0.0.1:9110 or [::1]:9110, or none')
}

const hostOf = (text: string) => (isIP(text) === 4 ? text : prepareDomain(text))
