// Processes that share a store and forward requests to each other, as far as the model needs them.
import type { RequestListener } from 'node:http'
import type { ConnectionManager } from '../../src/browsers/bosh/connection-manager.js'
import { ForwardedRequests } from '../../src/browsers/bosh/forwarded-requests.js'
import { PeerLinks } from '../../src/forwarding/peer-links.js'
import { listenForPeers, type PeerListener } from '../../src/forwarding/peer-listener.js'
import { createPeers, writeAddress } from '../../src/forwarding/peers.js'
import { createWhereabouts } from '../../src/forwarding/whereabouts.js'
import { systemClock as clock } from '../../src/lib/clock.js'
import type { Registry } from '../../src/session/registry/registry.js'
import { newProcessName } from '../../src/store/process-name.js'
import type { Store } from '../../src/store/store.js'
import { freshPath } from '../forwarding/stage.js'
import { processOf } from '../store/entries.js'
import { bookOf } from '../support/bench-sessions.js'
import { unlimitedBodies } from '../support/fake-web-socket.js'

export type Joined = ReturnType<typeof joinModel>

export function joinModel(store: Store, registry: Registry) {
  const name = newProcessName()
  const path = freshPath()
  const entry = processOf(name, { address: writeAddress({ path }) })
  const links = new PeerLinks({ clock })
  const peers = createPeers({ self: name, place: entry.place, store, links, clock, onUnreachable() {} })
  const whereabouts = createWhereabouts({
    ...{ peers, store, clock },
    takeUp: async () => false,
    mayTakeUp: () => true,
    whenSetDown: async () => {},
    isStopping: () => false,
    isLeaving: () => false,
    areFilesRead: () => true,
  })
  const requests = new ForwardedRequests({
    ...{ whereabouts, clock, isDraining: () => false, bodies: unlimitedBodies() },
    mostConnections: () => 0,
    refused() {},
  })
  const { book, reports } = bookOf({ registry, clock }, { others: peers, store })
  registry.book = book
  let listener: PeerListener
  return {
    name,
    /** Errors, of which there must be none. */
    reports,
    over: (manager: ConnectionManager) => requests.over(manager),
    async listen(answerRequest: RequestListener): Promise<void> {
      listener = await listenForPeers({
        address: { path },
        listener: answerRequest,
        upgradeFor: () => undefined,
        accept: peers.accept,
        answer: peers.answerCall,
        report: error => void reports.push(error),
      })
      await store.join({ entry: () => entry, sessions: () => book.sessions(), checkEnded: () => {} })
    },
    async close(): Promise<void> {
      links.close()
      await listener.close()
    },
  }
}
