import { Resolver } from 'node:dns/promises'
import { SystemDns } from '../../src/net/dns.js'
import type { DnsServer } from './dns-server.js'

/** No question of a test leaves this machine. */
class TestDns extends SystemDns {
  override async system(name: string): Promise<string[]> {
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
  }
}

/** A real resolver that asks only the name server of the test. */
export function dnsOf(nameServer: DnsServer): SystemDns {
  return new TestDns(() => {
    const resolver = new Resolver({ timeout: 100, tries: 1 })
    resolver.setServers([nameServer.address])
    return resolver
  })
}
