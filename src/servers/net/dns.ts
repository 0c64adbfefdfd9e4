// Questions to name servers. Nothing is cached here.
import type { RecordWithTtl, SrvRecord } from 'node:dns'
import { lookup, Resolver } from 'node:dns/promises'
import { workQueue } from '../../lib/limits/work-queue.js'

export interface Dns {
  /** Service records (RFC 2782); the target of one that says "not here" is the empty string. */
  services(name: string): Promise<readonly SrvRecord[]>
  ipv4(name: string): Promise<readonly RecordWithTtl[]>
  ipv6(name: string): Promise<readonly RecordWithTtl[]>
  /** The addresses that the operating system finds: hosts file, search domains, and its other sources. */
  system(name: string): Promise<readonly string[]>
}

/** Whether an error says that the name has no such record, rather than that no name server answered. */
export function isAbsent(error: NodeJS.ErrnoException): boolean {
  return absent.has(error.code ?? '')
}

/** The last is for what cannot be a name, such as one with a label of more than 63 characters. */
const absent = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

/** Errors after which the machine may have been set up with other name servers. */
const unanswered = new Set(['ETIMEOUT', 'ECONNREFUSED'])

/** Each name server is asked twice and has so many milliseconds each time. */
const usualResolver = () => new Resolver({ timeout: 1500, tries: 2 })

/** Asks the name servers that this machine is set up with. */
export function systemDns(makeResolver: () => Resolver = usualResolver): Dns {
  let usual = makeResolver()
  // Look-ups by the system hold a thread each, for half a minute where no name server answers, and passwords are hashed by
  // the same four threads. More than wait here would not be done before their callers have given up.
  const inTurn = workQueue(2, 100, () => new Error('too many names are being looked up'))
  const ask = async <T>(question: (resolver: Resolver) => Promise<T>) => {
    const resolver = usual
    try {
      return await question(resolver)
    } catch (error) {
      // A resolver never looks again at how the machine is set up; a new one does.
      const { code = '' } = error as NodeJS.ErrnoException
      if (resolver === usual && unanswered.has(code)) usual = makeResolver()
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
