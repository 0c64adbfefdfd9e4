// Programs of others between the processes of a service and in front of them: NATS, and a balancer.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../test/support/ports.js'
import { inFolder } from '../test/support/server-process.js'
import { type Program, startProgram } from './children.js'

/** Starts a nats-server on a free port of 127.0.0.1. */
export async function startNats(): Promise<Program> {
  const [port = 0] = await freePorts(1)
  return startProgram(['nats-server', '--addr', '127.0.0.1', '--port', String(port)], port)
}

/** Starts a HAProxy with one thread in front of a port. */
export function startBalancer(servicePort: number): Promise<Program> {
  return inFolder('warm-bench-', async (folder, remove) => {
    const [port = 0] = await freePorts(1)
    const file = join(folder, 'haproxy.cfg')
    await writeFile(file, balancerConfig(port, servicePort))
    const { stop, ...started } = await startProgram(['haproxy', '-db', '-f', file], port)
    return { ...started, stop: () => stop().then(remove) }
  })
}

/** As in deploy/haproxy-nodes.cfg, without TLS. */
const balancerConfig = (port: number, servicePort: number) => `
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout http-request 20s
    timeout http-keep-alive 75s
    timeout client 90s
    timeout server 90s
frontend browsers
    bind 127.0.0.1:${port}
    option forwardfor
    default_backend nodes
backend nodes
    server node1 127.0.0.1:${servicePort}
`
