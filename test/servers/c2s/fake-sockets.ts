// Connections that succeed or fail when a test says so.
import net, { Socket, type TcpNetConnectOpts } from 'node:net'
import { jest } from '@jest/globals'
import type { FakeClock } from '../../support/fake-clock.js'

export class FakeSockets {
  readonly #clock: FakeClock
  /** A line for each connection: its time in milliseconds, its addresses, and its port. */
  readonly begun: string[] = []
  readonly #sockets = new Map<string, Socket>()

  /** Until `jest.restoreAllMocks`, Node.js opens no connection. */
  constructor(clock: FakeClock) {
    this.#clock = clock
    jest.spyOn(net, 'connect').mockImplementation(options => this.#connect(options as unknown as TcpNetConnectOpts))
  }

  #connect({ port, lookup }: TcpNetConnectOpts): Socket {
    const socket = new Socket()
    lookup!('', { all: true }, (_error, found) => {
      const addresses = (found as { address: string }[]).map(({ address }) => address).join(' ')
      this.begun.push(`${this.#clock.now()} ${addresses} ${port}`)
      this.#sockets.set(addresses, socket)
    })
    return socket
  }

  get alive(): string[] {
    return [...this.#sockets].filter(([, socket]) => !socket.destroyed).map(([addresses]) => addresses)
  }

  at(addresses: string): Socket {
    return this.#sockets.get(addresses)!
  }

  stand(addresses: string): void {
    this.at(addresses).emit('connect')
  }

  refuse(addresses: string, code = 'ECONNREFUSED'): void {
    this.at(addresses).emit('error', Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' }))
  }
}
