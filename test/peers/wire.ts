// What can be seen of an XMPP server from outside of it, and of its links from inside the service.
import { readFileSync } from 'node:fs'
import type { TestService } from '../support/start-service.js'

/** TCP connections that the port of 127.0.0.1 has on its side, those on their way out included; Linux only. */
export function connectionsOf(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const finished = new Set(['06', '0A'])
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, address, , state = '']) => address === local && !finished.has(state)).length
}

/** Whether it has no session, no link and no forwarded request. */
export const isIdle = ({ service }: TestService) => Object.values(service.counts()).every(count => count === 0)
