import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../../config/config.js'
import { socketPath } from '../../config/kinds/listen-addresses.js'
import { codeOf } from '../../lib/log.js'
import { socketPathProblem } from './unix-sockets.js'

/** Returns a sentence for each unusable address. A port in use is fine, because the service itself may use it. */
export async function listenProblems({
  listen,
  https,
  peers,
  metricsAddress,
}: Pick<Config, 'listen' | 'https' | 'peers' | 'metricsAddress'>): Promise<string[]> {
  const named = [
    ...listen.places.map(place => ['HOST', place] as const),
    ...(https?.places ?? []).map(place => [https!.placesFrom, place] as const),
    ...(peers === undefined ? [] : [['PEER_LISTEN', peers.listen] as const]),
    ...(metricsAddress === undefined ? [] : [['METRICS_ADDRESS', metricsAddress] as const]),
  ]
  const problems = await Promise.all(
    named.map(async ([setting, { host, port }]) => {
      const path = socketPath(host)
      const fault = path === undefined ? undefined : socketPathProblem(path)
      if (path !== undefined) return fault === undefined ? [] : [`${setting} has ${host}, ${fault}`]
      const reason = bindFailureReason(await bindErrorCode(host))
      return [
        ...(reason === undefined ? [] : [`${setting} has ${host}, ${reason}`]),
        ...((await isForbidden(port)) ? [forbiddenPortProblem(port)] : []),
      ]
    }),
  )
  return [...new Set(problems.flat())]
}

export function forbiddenPortProblem(port: number | undefined): string {
  return (
    `this user may not listen on port ${port}: give the service the capability CAP_NET_BIND_SERVICE, ` +
    'as deploy/warm-bindings.service does, or choose a port from 1024 on'
  )
}

export function bindFailureReason(code: string | undefined): string | undefined {
  return code === undefined ? undefined : reasons[code]
}

const reasons: Partial<Record<string, string>> = {
  EADDRNOTAVAIL: 'which is not an address of this machine',
  EAFNOSUPPORT: 'but this machine has no addresses of that family',
  ENOTFOUND: 'a name without an address (ENOTFOUND)',
  EAI_AGAIN: 'a name without an address (EAI_AGAIN)',
  EINVAL: 'which cannot be listened on (EINVAL)',
}

/** A UDP port needs the same permission as a TCP port, but no client can connect. */
async function isForbidden(port: number): Promise<boolean> {
  if (port === 0 || port >= 1024) return false
  const socket = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true })
  const code = await once(socket, 'listening').then(() => undefined, codeOf)
  socket.close()
  return code === 'EACCES'
}

async function bindErrorCode(host: string): Promise<string | undefined> {
  const server = createServer().listen({ host, port: 0 })
  const code = await once(server, 'listening').then(() => undefined, codeOf)
  server.close()
  return code
}
