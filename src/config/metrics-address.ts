import { type Place, readAddress } from './addresses.js'
import type { Report } from './settings.js'

/** Reads `host:port`, with brackets around an IPv6 address, or `none`. */
export function readMetricsAddress(text: string, report: Report): Place | 'none' | undefined {
  if (text.toLowerCase() === 'none') return 'none'
  const { host, port } = readAddress(text) ?? {}
  if (host !== undefined && port !== undefined) return { host, port }
  return report('must be an address with a port, such as 127.0.0.1:9110 or [::1]:9110, or none')
}
