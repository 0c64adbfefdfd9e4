// Links between the processes of one service that a test breaks: each process is reached over a relay.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Store } from '../../src/store/store.js'
import type { Random } from './random.js'

export class BreakableLinks {
  readonly #store: Store
  readonly #relays = new Set<Server>()
  /** Connections that are open, with those to the processes behind the relays. */
  readonly #open = new Map<Socket, Socket>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The store for one more process. Its name is given to `onJoin`. */
  storeOfProcess(onJoin: (name: string) => void = () => {}): Store {
    const store = this.#store
    const join: Store['join'] = async member => {
      const { name, address } = member.entry()
      const path = address.slice('unix:'.length)
      await this.#relay(path)
      onJoin(name)
      const entry = () => ({ ...member.entry(), address: `${address}.relay` })
      await store.join({
        entry,
        sessions: () => member.sessions(),
        checkEnded: () => member.checkEnded(),
        lost: ids => member.lost(ids),
        caughtUp: () => member.caughtUp(),
      })
    }
    return Object.assign(Object.create(store) as Store, { join })
  }

  /** Resolves when both processes have noticed, or with false if there is no link. */
  async breakOne(random: Random): Promise<boolean> {
    if (this.#open.size === 0) return false
    const pair = random.pick([...this.#open])
    const closed = pair.filter(socket => !socket.closed).map(socket => once(socket, 'close'))
    for (const socket of pair) socket.destroy()
    await Promise.all(closed)
    // A Unix socket passes the end on at once, and the processes are in this one.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    return true
  }

  close(): void {
    for (const near of this.#open.keys()) near.destroy()
    for (const relay of this.#relays) relay.close()
  }

  async #relay(path: string): Promise<void> {
    const relay = createServer(near => {
      const far = connect(path)
      this.#open.set(near, far)
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const)
        socket.on('error', () => {}).once('close', () => other.destroy())
      near.once('close', () => this.#open.delete(near))
      near.pipe(far)
      far.pipe(near)
    })
    this.#relays.add(relay)
    await once(relay.listen(`${path}.relay`), 'listening')
  }
}
