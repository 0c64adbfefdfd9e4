import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { forwardRequest } from '../../src/forwarding/forward-request.js'
import { forwardSocket } from '../../src/forwarding/forward-socket.js'
import { PeerLinks } from '../../src/forwarding/peer-links.js'
import { listenForPeers } from '../../src/forwarding/peer-listener.js'
import { install } from '../../src/http/fast/install.js'
import type { Upgrade } from '../../src/http/listening/upgrades.js'
import { systemClock } from '../../src/lib/clock.js'
import { freshPath } from '../forwarding/stage.js'

/** A server that forwards all its requests over a link to a process that has `listener`. */
export function createLinkedServer(listener: RequestListener, upgrade?: Upgrade): Server {
  const address = { path: freshPath() }
  const faults: unknown[] = []
  const messages = install(true)
  const links = new PeerLinks({ clock: systemClock })
  const owner = listenForPeers({
    address,
    messages,
    listener,
    upgradeFor: () => upgrade,
    answer: async () => null,
    report: error => faults.push(error),
  })
  const forward: RequestListener = (req, res) =>
    void owner.then(() =>
      forwardRequest(links.to(address), req, res, {
        onLost: how => res.writeHead(502, { 'Content-Type': 'text/plain' }).end(`${how} ${faults}`),
      }),
    )
  const server = createServer(messages, forward)
  server.on(
    'upgrade',
    (req: IncomingMessage, socket: Duplex, head: Buffer) =>
      void owner.then(() =>
        forwardSocket(links.to(address), req, socket, head, { isAccepted: false, onLost: () => socket.destroy() }),
      ),
  )
  server.once('close', () => {
    links.close()
    void owner.then(({ close }) => close())
  })
  return server
}
