import { isIP } from 'node:net'
import type { Config } from '../config/config.js'
import { readNetworks } from '../config/kinds/networks.js'
import type { Exclusion, HttpProxy } from '../config/kinds/proxies.js'
import { withoutBrackets } from '../lib/text/without-brackets.js'

export type Proxies = Config['proxies']

const loopback = readNetworks('loopback', () => undefined)

/** Returns undefined for a direct connection. Compares names only: the name of an excluded address is not looked up. */
export function proxyFor({ protocol, hostname, port }: URL, { http, https, excluded }: Proxies): HttpProxy | undefined {
  const isTls = protocol === 'https:'
  const host = withoutBrackets(hostname).replace(/\.$/, '')
  const isHere = host === 'localhost' || host.endsWith('.localhost') || loopback.contains(host)
  if (isHere || excluded.some(exclusion => isExcluded(exclusion, host, Number(port) || (isTls ? 443 : 80))))
    return undefined
  return isTls ? https : http
}

function isExcluded({ hosts, port }: Exclusion, host: string, requested: number): boolean {
  if (port !== undefined && port !== requested) return false
  if (typeof hosts !== 'string') return hosts.contains(host)
  return hosts === '*' || host === hosts || (isIP(host) === 0 && host.endsWith(`.${hosts}`))
}
