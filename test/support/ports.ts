// Ports for servers that cannot be asked to choose one themselves.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** Returns as many different ports of 127.0.0.1 as asked for, all free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  // All are bound before any is closed, or the same one could come twice.
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}
