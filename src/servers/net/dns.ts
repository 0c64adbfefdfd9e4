import type { RecordWithTtl, SrvRecord } from 'node:dns'
import { lookup, Resolver } from 'node:dns/promises'
import { workQueue } from '../../lib/limits/work-queue.js'

export interface Dns {
  /** SRV records (RFC 2782). */
  services(name: string): Promise<readonly SrvRecord[]>
  ipv4(name: string): Promise<readonly RecordWithTtl[]>
  ipv6(name: string): Promise<readonly RecordWithTtl[]>
  system(name: string): Promise<readonly string[]>
}

export function isAbsent(error: NodeJS.ErrnoException): boolean {
  return absent.has(error.code ?? '')
}

/** EBADNAME: for example, a label is too long. */
const absent = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

const usualResolver = () => new Resolver({ timeout: 1500, tries: 2 })

export function systemDns(makeResolver: () => Resolver = usualResolver): Dns {
  let usual = makeResolver()
  // Two at a time, because a look-up blocks one of Node's four threads for up to 30 s.
  const inTurn = workQueue(2, 100, () => new Error('too many names are being looked up'))
  const ask = async <T>(question: (resolver: Resolver) => Promise<T>) => {
    const resolver = usual
    try {
      return await question(resolver)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBADNAME') throw error
      // With a VPN or in a cluster, the name servers change, and the old ones may give any answer. A new resolver reads
      // their list again.
      const fresh = makeResolver()
      if (String(fresh.getServers()) !== String(resolver.getServers())) {
        usual = fresh
        return question(fresh)
      }
      // Node asks a name server that has failed later than others.
      if (resolver === usual && !isAbsent(error as NodeJS.ErrnoException)) usual = fresh
      throw error
    }
  }
  return {
    services: name => ask(resolver => resolver.resolveSrv(name)),
    ipv4: name => ask(resolver => resolver.resolve4(name, { ttl: true })),
    ipv6: name => ask(resolver => resolver.resolve6(name, { ttl: true })),
    async system(name) {
      const found = await inTurn(() => lookup(name, { all: true, verbatim: true }))
      return found.map(({ address }) => address)
    },
  }
}
