import { randomInt } from 'node:crypto'
import type { SrvRecord } from 'node:dns'
import type { Server } from '../../config/config.js'

/** A place where a domain's server may be. */
export interface Target {
  /** A name or an address. */
  readonly host: string
  readonly port: number
  readonly tls: Server['tls']
  /** Whether its name comes out of the DNS, and not from the operator. */
  readonly found?: boolean
}

/** A record of `_xmpps-client._tcp` is `direct`, one of `_xmpp-client._tcp` is not (XEP-0368 §3). */
export interface Service extends SrvRecord {
  readonly direct: boolean
}

/** Of a domain that has more of them, the later ones are not tried. */
const mostTargets = 8

/**
 * Puts service records into the order in which they are tried: by priority, and at random by weight among equals
 * (RFC 2782), as if those for direct TLS and those for STARTTLS were of one kind; with `preferDirect`, the former go first
 * among equals. `random` is an integer from 0 to below its argument.
 */
export function inOrder(
  services: readonly Service[],
  preferDirect: boolean,
  random: (below: number) => number = randomInt,
): Target[] {
  const rank = ({ priority, direct }: Service) => 2 * priority + (preferDirect && !direct ? 1 : 0)
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
    found: true,
    tls: direct ? 'direct' : 'starttls',
  }))
}

/** Draws at random by weight (RFC 2782), and not too many: each draw goes through the thousands that may be left. */
function byWeight(services: readonly Service[], most: number, random: (below: number) => number): Service[] {
  const left = [...services].sort((a, b) => a.weight - b.weight)
  const drawn: Service[] = []
  while (left.length > 1 && drawn.length < most) drawn.push(...left.splice(draw(left, random), 1))
  return [...drawn, ...left].slice(0, most)
}

function draw(services: readonly Service[], random: (below: number) => number): number {
  const sum = services.reduce((total, { weight }) => total + weight, 0)
  // Where no weights were set, the connections are not all meant to go to the same server.
  if (sum === 0) return random(services.length)
  let ticket = random(sum + 1)
  return services.findIndex(({ weight }) => {
    ticket -= weight
    return ticket <= 0
  })
}
