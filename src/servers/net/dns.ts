import { lookup, Resolver } from 'node:dns/promises'
import { workQueue } from '../../lib/limits/work-queue.js'

export type Dns = ReturnType<typeof systemDns>

export function isAbsent(error: NodeJS.ErrnoException): boolean {
  return absent.has(error.code ?? '')
}

/** EBADNAME: for example, a label is too long. */
const absent = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

const usualResolver = () => new Resolver({ timeout: 1500, tries: 2 })

/**
 * Uses a new resolver for each question. With a VPN or in a cluster, the name servers change, and Node.js reads their
 * list when it makes a resolver.
 */
export function systemDns(makeResolver: () => Resolver = usualResolver) {
  // Two at a time, because a look-up blocks one of Node's four threads for up to 30 s.
  const inTurn = workQueue(2, 100, () => new Error('too many names are being looked up'))
  return {
    /** SRV records (RFC 2782). */
    services: (name: string) => makeResolver().resolveSrv(name),
    ipv4: (name: string) => makeResolver().resolve4(name, { ttl: true }),
    ipv6: (name: string) => makeResolver().resolve6(name, { ttl: true }),
    async system(name: string) {
      const found = await inTurn(() => lookup(name, { all: true, verbatim: true }))
      return found.map(({ address }) => address)
    },
  }
}
