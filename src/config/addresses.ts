import { isIP } from 'node:net'
import { prepareDomain } from './domains.js'
import { readList } from './list.js'
import type { Report, Setting } from './settings.js'

/** Reads addresses and names of hosts to listen on, separated by commas; IPv6 addresses with brackets or without. */
export function readAddresses(text: string, report: Report): string[] {
  const addresses = readList(text).map(entry => {
    const address = entry.replace(/^\[(.*)\]$/, '$1')
    if (isIP(address) !== 0) return address
    return prepareDomain(entry) ?? report(`has "${entry}", which is neither an IP address nor a host name`)
  })
  if (addresses.length === 0) report('must have an address, such as 127.0.0.1')
  return [...new Set(addresses.filter(address => address !== undefined))]
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
