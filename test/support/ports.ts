// Ports for servers that cannot be asked to choose one themselves.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Returns as many different ports of 127.0.0.1 as asked for, all free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  // All are bound before any is closed, or the same one could come twice.
  const bound = await Promise.all(Array.from({ length: count }, bindAny))
  await Promise.all(bound.map(({ server }) => once(server.close(), 'close')))
  return bound.map(({ port }) => port)
}

/**
 * Ports from 32,768 on are for outgoing connections of Linux, which could take them first. Browsers block 10,080. Each
 * worker of Jest has ports of its own, in turn: none is taken again before its server has it.
 */
const [firstPort, endPort, workers] = [10_100, 32_768, 8]
const share = Math.floor((endPort - firstPort) / workers)
const ownPort = firstPort + (Number(process.env['JEST_WORKER_ID'] ?? 0) % workers) * share
let turn = randomInt(share)

async function bindAny() {
  for (;;) {
    const port = ownPort + (turn++ % share)
    const server = createServer().listen(port, '127.0.0.1')
    const isBound = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (isBound) return { server, port }
  }
}
