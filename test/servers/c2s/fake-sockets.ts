// Connections that succeed or fail when a test says so.
import { Socket } from 'node:net'
import type { FakeClock } from '../../support/fake-clock.js'

export class FakeSockets {
  readonly #clock: FakeClock
  /** A line for each attempt: its time in milliseconds, and its target. */
  readonly begun: string[] = []
  readonly #sockets = new Map<string, Socket>()

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  readonly connect = (address: string, port: number): Socket => {
    this.begun.push(`${this.#clock.now()} ${address} ${port}`)
    const socket = new Socket()
    this.#sockets.set(address, socket)
    return socket
  }

  get alive(): string[] {
    return [...this.#sockets].filter(([, socket]) => !socket.destroyed).map(([address]) => address)
  }

  at(address: string): Socket {
    return this.#sockets.get(address)!
  }

  stand(address: string): void {
    this.at(address).emit('connect')
  }

  refuse(address: string, code = 'ECONNREFUSED'): void {
    this.at(address).emit('error', Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' }))
  }
}
