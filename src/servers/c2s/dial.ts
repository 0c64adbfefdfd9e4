import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Server } from '../../config/config.js'
import { written } from '../../config/kinds/listen-addresses.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { steps } from '../../lib/errors.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import type { Failure, LinkStep } from '../../xmpp/link.js'
import { allowed } from '../net/allowed-addresses.js'
import { connectToAny } from '../net/connect-to-any.js'
import type { NameLookup, Route } from '../net/name-lookup.js'
import type { ConnectedServer, StateLookup } from '../net/server-states.js'
import type { Target } from '../net/srv-records.js'

const resolveSeconds = 5
const connectSeconds = 15

export interface DialerParts {
  readonly names: NameLookup
  readonly clock: Clock
  readonly publicOnly: boolean
  readonly descriptors: { expected: number }
  readonly states: StateLookup
  readonly onExhausted: (about: object) => void
}

export interface Destination {
  readonly domain: string
  /** Without it, the servers are found in DNS (RFC 6120 §3.2, XEP-0368). */
  readonly server: Server | undefined
  /** Replaces the address of `server`, or those in DNS (RFC 6120 §4.9.3.19). */
  readonly other?: Target | undefined
}

export type Dialer = ReturnType<typeof createDialer>

export function createDialer(parts: DialerParts) {
  return (to: Destination) => new Search(parts, to)
}

/** `connections` dials the targets in order. `failure` is the first at the furthest step. */
export class Search {
  readonly #parts: DialerParts
  readonly #to: Destination
  #furthest: Failure | undefined
  #current: ConnectedServer | undefined
  #until = Number.POSITIVE_INFINITY
  #limit: Timer | undefined
  #connecting: ReturnType<typeof connectToAny> | undefined
  #isOver = false
  #isExpected = false

  constructor(parts: DialerParts, to: Destination) {
    this.#parts = parts
    this.#to = to
  }

  get server(): string | undefined {
    return this.#current?.name
  }

  get failure(): Failure {
    return this.#furthest ?? { step: 'connect', code: 'timeout' }
  }

  async *connections(onConnecting: () => void) {
    const { names, clock } = this.#parts
    const publicOnly = this.#parts.publicOnly && this.#to.server === undefined
    this.#countAhead(true)
    const found = await this.#inTime(this.#route())
    if ('code' in found) return this.#note(found)
    if (found.failure !== undefined) this.#note(found.failure)
    for (const [index, target] of found.targets.entries()) {
      if (this.#isOver || clock.now() >= this.#until) return
      this.#countAhead(true)
      const to = this.#serverAt(target)
      this.#current = to
      const addresses = allowed(await this.#inTime(names.addressesOf(target)), publicOnly)
      if (this.#isOver) return
      if ('code' in addresses) {
        this.fail(addresses)
        continue
      }
      onConnecting()
      this.#until = Math.min(this.#until, clock.now() + connectSeconds * 1000)
      const how = { clock, until: this.#until, connect: connectSharingBuffer }
      this.#connecting = connectToAny(addresses, target.port, how)
      // Node opens the socket in the next tick. Until then, `#countAhead` counts its descriptor.
      process.nextTick(() => this.#countAhead(false))
      const socket = await this.#connecting.end
      if ('code' in socket) this.fail(socket)
      else yield { socket, tls: target.tls, to, isLast: index === found.targets.length - 1 }
    }
  }

  fail(failure: Failure): void {
    const { domain } = this.#to
    const about = { domain: withULabels(domain), server: this.#current?.state?.server }
    if (failure.code === 'local-ports-exhausted') this.#parts.onExhausted(about)
    this.#current?.state?.failed(failure, domain)
    this.#note({ ...failure, server: this.server })
  }

  cancel(): void {
    this.#isOver = true
    this.#countAhead(false)
    this.#limit?.cancel()
    this.#connecting?.cancel()
  }

  #countAhead(isOne: boolean): void {
    if (isOne === this.#isExpected) return
    this.#isExpected = isOne
    this.#parts.descriptors.expected += isOne ? 1 : -1
  }

  #note(failure: Failure): void {
    const far = ({ step }: Failure) => (steps as readonly LinkStep[]).indexOf(step)
    if (this.#furthest === undefined || far(failure) > far(this.#furthest)) this.#furthest = failure
  }

  #route(): Route | Promise<Route> {
    const { domain, server, other } = this.#to
    if (other !== undefined) return { targets: [{ ...other, usesDns: true }] }
    return server === undefined ? this.#parts.names.routeTo(domain) : { targets: [server] }
  }

  #serverAt(target: Target): ConnectedServer {
    const { domain, server, other } = this.#to
    const { states } = this.#parts
    const name = written(target)
    if (other !== undefined) return { name, state: undefined }
    return { name, state: server === undefined ? states.ofFound(domain, name) : states.ofEntry(domain, name) }
  }

  #inTime<T>(answer: T | Promise<T>): Promise<T | Failure> | T {
    if (!(answer instanceof Promise)) return answer
    const { clock } = this.#parts
    const ms = Math.max(0, Math.min(resolveSeconds * 1000, this.#until - clock.now()))
    const late = new Promise<Failure>(resolve => {
      this.#limit = clock.after(ms, () => resolve({ step: 'resolve', code: 'timeout' }))
    })
    return Promise.race([answer, late]).finally(() => this.#limit?.cancel())
  }
}

const sharedBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Copy the bytes of a `data` event: they are valid during the event only. */
function connectSharingBuffer(options: NetConnectOpts): Socket {
  const socket: Socket = connect({
    ...options,
    onread: {
      buffer: sharedBuffer,
      callback(bytes) {
        socket.emit('data', sharedBuffer.subarray(0, bytes))
        return true
      },
    },
  })
  return socket
}
