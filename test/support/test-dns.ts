import { Resolver } from 'node:dns/promises'
import { type Dns, systemDns } from '../../src/servers/net/dns.js'
import type { DnsServer } from './dns-server.js'

/** A real resolver that asks only the name server of the test: no question of a test leaves this machine. */
export function dnsOf(nameServer: DnsServer): Dns {
  const dns = systemDns(() => {
    const resolver = new Resolver({ timeout: 400, tries: 1 })
    resolver.setServers([nameServer.address])
    return resolver
  })
  const system = async (name: string) => {
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
  }
  return { ...dns, system }
}
