import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { forwardRequest } from '../../src/forwarding/forward-request.js'
import { forwardSocket } from '../../src/forwarding/forward-socket.js'
import type { PeerAddress } from '../../src/forwarding/link-settings.js'
import { type Lost, PeerLinks } from '../../src/forwarding/peer-links.js'
import { listenForPeers } from '../../src/forwarding/peer-listener.js'
import { install } from '../../src/http/fast/install.js'
import type { Upgrade } from '../../src/http/listening/upgrades.js'
import { FakeClock } from '../support/fake-clock.js'

let folder: string | undefined
let sockets = 0

/** In a private folder. */
export function freshPath(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'forwarding-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    folder = made
  }
  return join(folder, `${++sockets}.sock`)
}

/** Listens without sessions, but for what the test gives. */
export const listenWith = (parts: Partial<Parameters<typeof listenForPeers>[0]> = {}) =>
  listenForPeers({
    address: { path: freshPath() },
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
  /** The link uses TLS over TCP. */
  readonly key?: KeyObject | undefined
  /** Without it, the process with the sessions is `address`. */
  readonly address?: PeerAddress
}

/** Two processes in one: clients come to `port`, and `listener` is in the process that has the sessions. */
export async function setStage(parts: StageParts) {
  const { listener = (_req, res) => void res.end(), upgrade, options, requestId, note, key } = parts
  const keys = () => (key === undefined ? [] : [key])
  const wanted = key === undefined ? { path: freshPath() } : { host: '127.0.0.1', port: 0 }
  const clock = new FakeClock()
  const faults: unknown[] = []
  const lost: Lost[] = []
  const links = new PeerLinks({ keys, clock })
  const report = (error: unknown) => faults.push(error)
  const owner =
    parts.address === undefined
      ? await listenWith({ address: wanted, keys, listener, upgradeFor: () => upgrade, report })
      : undefined
  const listening = owner?.address
  const address =
    parts.address ??
    (typeof listening === 'string' ? { path: listening } : { host: '127.0.0.1', port: (listening as AddressInfo).port })
  const forward: RequestListener = async (req, res) => {
    const body = Buffer.concat(await req.toArray())
    const how = await forwardRequest(links.to(address), req, res, { requestId, note, body })
    if (how === undefined) return
    lost.push(how)
    res.writeHead(503).end()
  }
  const front = createServer({ ...options, ...install(true) }, forward)
  front.on('upgrade', (req, socket, head) => {
    socket.on('error', () => {})
    forwardSocket(links.to(address), req, socket, head, {
      isAccepted: false,
      onLost(how) {
        lost.push(how)
        socket.destroy()
      },
    })
  })
  await once(front.listen(0, '127.0.0.1'), 'listening')
  const { port } = front.address() as AddressInfo
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
      front.closeAllConnections()
      front.close()
      links.close()
      await owner?.close()
    },
  }
}
