import type { SrvRecord } from 'node:dns'
import type { Server } from '../../config/config.js'

export interface Target {
  readonly host: string
  readonly port: number
  readonly tls: Server['tls']
  readonly usesDns?: boolean
}

/** `direct`: a record of `_xmpps-client._tcp` (XEP-0368 §3). */
export interface Service extends SrvRecord {
  readonly direct: boolean
}

export const mostTargets = 16
/** Weight 0 has a very small chance. */
const leastWeight = 0.1

/** By priority, then at random with the weights as chances (RFC 2782). Direct TLS is first at equal priority. */
export function inOrder(services: readonly Service[], random = Math.random): Target[] {
  const rank = ({ priority, direct }: Service) => 2 * priority + (direct ? 0 : 1)
  return services
    .map(service => ({ service, rank: rank(service), draw: -Math.log(1 - random()) / (service.weight || leastWeight) }))
    .sort((a, b) => a.rank - b.rank || a.draw - b.draw)
    .slice(0, mostTargets)
    .map(({ service: { name, port, direct } }) => ({
      host: name,
      port,
      usesDns: true,
      tls: direct ? 'direct' : 'starttls',
    }))
}
