import { createServer, type RequestListener, type ServerOptions } from 'node:http'
import { join } from 'node:path'
import type { Place } from '../../src/config/kinds/listen-addresses.js'
import { forwardRequest } from '../../src/forwarding/forward-request.js'
import { forwardSocket } from '../../src/forwarding/forward-socket.js'
import { type Lost, PeerLinks } from '../../src/forwarding/peer-links.js'
import { listenForPeers } from '../../src/forwarding/peer-listener.js'
import { install } from '../../src/http/fast/install.js'
import type { Upgrade } from '../../src/http/listening/upgrades.js'
import { FakeClock } from '../support/fake-clock.js'
import { Listener } from '../support/listener.js'
import { testFolder } from '../support/test-folder.js'

const { folder } = testFolder()
let sockets = 0

/** In a private folder. */
export const freshPath = () => join(folder, `${++sockets}.sock`)

export const socketAt = (path: string): Place => ({ host: `unix:${path}`, port: 0 })

/** Listens without sessions, but for what the test gives. */
export const listenWith = (parts: Partial<Parameters<typeof listenForPeers>[0]> = {}) =>
  listenForPeers({
    address: socketAt(freshPath()),
    keys: () => [],
    listener: (_req, res) => void res.end(),
    upgradeFor: () => undefined,
    accept: () => false,
    answer: async () => null,
    report() {},
    ...parts,
  })

export type Stage = Awaited<ReturnType<typeof setStage>>

interface StageParts {
  readonly listener?: RequestListener
  readonly upgrade?: Upgrade
  readonly options?: ServerOptions
  readonly requestId?: string
  readonly note?: string
  /** Without it, the process with the sessions is `address`. */
  readonly address?: Place
}

/** Two processes in one: clients come to `port`, and `listener` is in the process that has the sessions. */
export async function setStage(parts: StageParts) {
  const own = socketAt(freshPath())
  const { listener = (_req, res) => void res.end(), upgrade, options, requestId, note, address = own } = parts
  const clock = new FakeClock()
  const faults: unknown[] = []
  const lost: Lost[] = []
  const links = new PeerLinks({ keys: () => [], clock })
  const report = (error: unknown) => faults.push(error)
  const owner = address === own ? await listenWith({ address, listener, upgradeFor: () => upgrade, report }) : undefined
  const forward: RequestListener = async (req, res) => {
    const body = Buffer.concat(await req.toArray())
    const how = await forwardRequest(links.to(address), req, res, { requestId, note, body })
    if (how === undefined) return
    lost.push(how)
    res.writeHead(503).end()
  }
  const front = createServer({ ...options, ...install(true) }, forward)
  const listening = new Listener(front)
  front.on('upgrade', (req, socket, head) => {
    forwardSocket(links.to(address), req, socket, head, {
      isAccepted: false,
      onLost(how) {
        lost.push(how)
        socket.destroy()
      },
    })
  })
  const { port } = await listening.listen()
  return {
    port,
    front,
    owner,
    links,
    address,
    clock,
    lost,
    faults,
    async close(): Promise<void> {
      await listening.stop()
      links.close()
      await owner?.close()
    },
  }
}
