import { randomInt } from 'node:crypto'
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

const mostTargets = 16

/** By priority and random weight (RFC 2782), at equal priority direct TLS first. */
export function inOrder(services: readonly Service[], random: (below: number) => number = randomInt): Target[] {
  const rank = ({ priority, direct }: Service) => 2 * priority + (direct ? 0 : 1)
  const ranked = [...services].sort((a, b) => rank(a) - rank(b))
  const chosen: Service[] = []
  while (chosen.length < Math.min(mostTargets, ranked.length)) {
    const next = rank(ranked[chosen.length]!)
    const equals = ranked.filter(service => rank(service) === next)
    chosen.push(...byWeight(equals, mostTargets - chosen.length, random))
  }
  return chosen.map(({ name, port, direct }) => ({
    host: name,
    port,
    usesDns: true,
    tls: direct ? 'direct' : 'starttls',
  }))
}

function byWeight(services: readonly Service[], most: number, random: (below: number) => number): Service[] {
  const left = [...services].sort((a, b) => a.weight - b.weight)
  const drawn: Service[] = []
  while (left.length > 1 && drawn.length < most) drawn.push(...left.splice(draw(left, random), 1))
  return [...drawn, ...left].slice(0, most)
}

function draw(services: readonly Service[], random: (below: number) => number): number {
  const sum = services.reduce((total, { weight }) => total + weight, 0)
  if (sum === 0) return random(services.length)
  let ticket = random(sum + 1)
  return services.findIndex(({ weight }) => {
    ticket -= weight
    return ticket <= 0
  })
}
