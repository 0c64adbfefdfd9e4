import { isIP } from 'node:net'
import { httpsPlaces } from './config.js'
import { isSocket, isWildcard, type Place, placesOf, written } from './kinds/listen-addresses.js'
import type { Values } from './settings.js'

/** The service could not listen at two places of which one is, or includes, the other. */
export function portFaults(set: Values): string[] {
  const { METRICS_ADDRESS: metrics, PEER_LISTEN: peers } = set
  const needed: (readonly [name: string, place: Place])[] = [
    ...placesOf(set.HOST, set.PORT).map(place => ['PORT', place] as const),
    ...httpsPlaces(set).map(place => ['HTTPS_PORT', place] as const),
    ...(metrics === undefined ? [] : [['METRICS_ADDRESS', metrics] as const]),
    // Each of WORKERS takes a free port.
    ...(peers === undefined || set.WORKERS > 0 ? [] : [['PEER_LISTEN', peers] as const]),
  ]
  return needed.flatMap(([name, place], index) => {
    const [other, taken] = needed.slice(0, index).find(([, earlier]) => areOne(earlier, place)) ?? []
    if (other === undefined || taken === undefined) return []
    return [`${name} needs ${written(place)}, but ${other} needs ${written(taken)}: choose another for one of them`]
  })
}

function areOne(one: Place, other: Place): boolean {
  if (isSocket(one) || isSocket(other)) return one.host === other.host
  if (one.port !== other.port || one.port === 0) return false
  if (one.host === other.host) return true
  const families = [one, other].map(({ host }) => isIP(host))
  return families[0] === families[1] && families[0] !== 0 && (isWildcard(one.host) || isWildcard(other.host))
}
