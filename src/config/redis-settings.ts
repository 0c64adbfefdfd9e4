import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { isLoopback } from '../lib/client-network.js'
import type { RedisSettings } from '../store/redis/redis-client.js'
import { isWildcard, type Place } from './kinds/listen-addresses.js'
import type { Values } from './settings.js'

const nameRedis = 'name the Redis that the processes share'

export const redisFaults: Readonly<Record<string, (set: Values) => boolean | undefined>> = {
  'SEAL_KEY_FILE is required for REDIS_URL: give all processes the same file, made with (umask 077; openssl rand -base64 32 > seal.key)':
    set => set.REDIS_URL !== undefined && set.SEAL_KEY_FILE === undefined,
  'REDIS_URL is required for WORKERS: install Redis (Debian: apt-get install redis-server) and name it, for example REDIS_URL=redis://127.0.0.1':
    set => set.WORKERS > 0 && set.REDIS_URL === undefined,
  'REDIS_PASSWORD_FILE and a password in REDIS_URL exclude each other: keep one of them': set =>
    set.REDIS_PASSWORD_FILE !== undefined && set.REDIS_URL?.password !== undefined,
  'REDIS_URL has a user without a password: write user:password, or set REDIS_PASSWORD_FILE': set =>
    set.REDIS_URL?.username !== undefined && (set.REDIS_URL.password ?? set.REDIS_PASSWORD_FILE) === undefined,
  'REDIS_TLS_CA needs TLS: write rediss:// or rediss+sentinel:// in REDIS_URL': set =>
    set.REDIS_TLS_CA !== undefined && set.REDIS_URL?.isTls === false,
  [`REDIS_URL is required for REDIS_PASSWORD_FILE: ${nameRedis}`]: set =>
    set.REDIS_PASSWORD_FILE !== undefined && set.REDIS_URL === undefined,
  [`REDIS_URL is required for REDIS_TLS_CA: ${nameRedis}`]: set =>
    set.REDIS_TLS_CA !== undefined && set.REDIS_URL === undefined,
  [`REDIS_URL is required for PEER_LISTEN: ${nameRedis}`]: set =>
    set.PEER_LISTEN !== undefined && set.REDIS_URL === undefined,
  'PEER_LISTEN is required for PEER_ADDRESS: name the address where this process listens for other machines': set =>
    set.PEER_ADDRESS !== undefined && set.PEER_LISTEN === undefined,
  'PEER_ADDRESS has a port, but PEER_LISTEN has the port 0, which is any free port: give PEER_LISTEN a port, or PEER_ADDRESS none':
    set => set.PEER_LISTEN?.port === 0 && set.PEER_ADDRESS?.port !== undefined,
  'PEER_LISTEN, or PEER_ADDRESS, has a port that is too high: each of WORKERS needs a port from there to 65535':
    hasTooFewPorts,
}

export const lastPort = 65_535

/** Workers have ports of their own, from that of PEER_LISTEN, and of PEER_ADDRESS. */
function hasTooFewPorts({ PEER_LISTEN: listen, PEER_ADDRESS: address, WORKERS: workers }: Values): boolean {
  if (listen === undefined || workers === 0) return false
  return [listen, address].some(place => (place?.port ?? 0) + workers - 1 > lastPort)
}

export function redisOf(values: Values): RedisSettings | undefined {
  if (values.REDIS_URL === undefined) return undefined
  const { place, isTls, username, password = values.REDIS_PASSWORD_FILE, database } = values.REDIS_URL
  return { place, username, password, database, tls: isTls ? tlsOf(values, place) : undefined }
}

function tlsOf({ REDIS_TLS_CA: ca }: Values, place: RedisSettings['place']): NonNullable<RedisSettings['tls']> {
  // Node.js sends the name of a host to the server only if it is given. Sentinels name other hosts.
  const servername = place.kind === 'server' && isIP(place.host) === 0 ? place.host : undefined
  return { ...(ca !== undefined && { ca }), ...(servername !== undefined && { servername }) }
}

export interface Peers {
  readonly listen: Place
  /** Where other machines reach this process. Port 0 if the port is that of `listen`, which is 0 there too. */
  readonly address: Place
}

export function peersOf({ PEER_LISTEN: listen, PEER_ADDRESS: address }: Values): Peers | undefined {
  if (listen === undefined) return undefined
  const usualHost = isWildcard(listen.host) ? hostname() : listen.host
  return { listen, address: { host: address?.host ?? usualHost, port: address?.port ?? listen.port } }
}

export function redisWarnings({ place, password, tls }: RedisSettings) {
  if (tls !== undefined || place.kind === 'socket') return []
  const hosts = place.kind === 'server' ? [place] : place.sentinels
  if (hosts.every(({ host }) => isLoopback(host))) return []
  const exposed = `${password === undefined ? '' : 'the password and '}data of sessions`
  const scheme = place.kind === 'server' ? 'rediss' : 'rediss+sentinel'
  return [`REDIS_URL has no TLS: ${exposed} can be read in the network. Use ${scheme}://.`]
}
