import { connect, type Socket } from 'node:net'
import type { Server } from '../config/config.js'
import type { Step } from '../errors.js'
import type { Clock, Timer } from '../lib/clock.js'
import type { Failure } from '../link.js'
import type { Addresses, Names, Route } from '../net/names.js'
import { isPrivateAddress } from '../net/private-addresses.js'
import type { Target } from '../net/srv-records.js'
import { Race } from './race.js'

/** Hears how dialling goes. `onConnected` and `onFailed` are not called before the call that dials has returned. */
export interface DialEvents {
  /** There is an address to connect to; called again for each server that is tried. */
  onConnecting(): void
  /** A connection stands, and is used as `tls` says. */
  onConnected(socket: Socket, tls: Server['tls']): void
  /** No server is left to try. */
  onFailed(failure: Failure): void
}

/** A connection that is being made. */
export interface Dialling {
  /** Tries the next server: the one connected to was of no use, for this reason. */
  goOn(failure: Failure): void
  /** Gives up; no event is called any more. */
  cancel(): void
}

/** Longest time to find one name, in seconds. */
const resolveSeconds = 5
/** Longest time to connect to one address, in seconds. */
const addressSeconds = 5
/** Longest time to connect to any server, in seconds. */
const connectSeconds = 15

export interface DialerParts {
  readonly names: Names
  readonly clock: Clock
  /** Whether servers that are found through the DNS must have public addresses. */
  readonly publicOnly: boolean
  /** Opens a TCP connection to an address; the real one unless a test has its own. */
  readonly connect?: (address: string, port: number) => Socket
}

/** Opens connections to XMPP servers. */
export class Dialer {
  readonly #parts: Required<DialerParts>
  /** For servers that the operator named, which may have any address. */
  readonly #trusting: Required<DialerParts>

  constructor(parts: DialerParts) {
    this.#parts = { connect: connectTcp, ...parts }
    this.#trusting = { ...this.#parts, publicOnly: false }
  }

  /** Dials a server that the operator named. */
  toServer(server: Server, events: DialEvents): Dialling {
    return new Search(this.#trusting, { targets: [server] }, events)
  }

  /** Dials the servers that the DNS names for a domain (RFC 6120 §3.2, XEP-0368). */
  toDomain(domain: string, events: DialEvents): Dialling {
    return new Search(this.#parts, this.#parts.names.routeTo(domain), events)
  }
}

/** The buffer that all connections read into: what is to last longer than one `data` event has to be copied. */
const received = Buffer.allocUnsafeSlow(64 * 1024)

function connectTcp(host: string, port: number): Socket {
  const socket: Socket = connect({
    host,
    port,
    keepAlive: true,
    // Small stanzas must not wait for an acknowledgement of the one before.
    noDelay: true,
    // Without it Node makes a buffer of that size for each read.
    onread: {
      buffer: received,
      callback(bytes) {
        socket.emit('data', received.subarray(0, bytes))
        return true
      },
    },
  })
  return socket
}

const steps: readonly Step[] = ['resolve', 'connect', 'tls', 'features']

/** Goes from target to target, and from address to address. */
class Search implements Dialling {
  readonly #parts: Required<DialerParts>
  readonly #events: DialEvents
  #targets: readonly Target[] = []
  #tried = 0
  /** Of the target that came furthest: that failure says most. */
  #failure: Failure | undefined
  /** When the search is over, by the clock; set when there is something to connect to. */
  #until: number | undefined
  /** The number of the answer that is waited for: one with an earlier number comes too late. */
  #turn = 0
  #limit: Timer | undefined
  #race: Race | undefined
  #isOver = false
  /** Whether the constructor has returned. */
  #isOut = false

  constructor(parts: Required<DialerParts>, route: Route | Promise<Route>, events: DialEvents) {
    this.#parts = parts
    this.#events = events
    this.#await(route, found => this.#begin(found))
    this.#isOut = true
  }

  goOn(failure: Failure): void {
    this.#note(failure)
    this.#tryNext()
  }

  cancel(): void {
    this.#isOver = true
    this.#turn += 1
    this.#limit?.cancel()
    this.#race?.cancel()
  }

  #begin({ targets, failure }: Route): void {
    this.#targets = targets
    if (failure !== undefined) this.#note(failure)
    this.#tryNext()
  }

  #tryNext(): void {
    this.#race = undefined
    const target = this.#targets[this.#tried++]
    const isLate = this.#until !== undefined && this.#parts.clock.now() >= this.#until
    if (target === undefined || isLate) this.#giveUp()
    else this.#await(this.#parts.names.addressesOf(target), found => this.#connect(target, found))
  }

  #connect({ port, tls }: Target, found: Addresses | Failure): void {
    if ('code' in found) {
      this.goOn(found)
      return
    }
    // The addresses are judged, not the name: it may resolve to others the next time.
    const addresses = this.#parts.publicOnly ? found.filter(address => !isPrivateAddress(address)) : found
    if (addresses.length === 0) {
      const code = found.length === 0 ? 'host-unknown' : 'address-not-allowed'
      this.goOn({ step: found.length === 0 ? 'resolve' : 'connect', code })
      return
    }
    const { clock, connect } = this.#parts
    this.#events.onConnecting()
    this.#until ??= clock.now() + connectSeconds * 1000
    this.#race = new Race(
      addresses,
      port,
      { clock, connect, addressSeconds, until: this.#until },
      {
        onWon: socket => {
          this.#race = undefined
          this.#events.onConnected(socket, tls)
        },
        onLost: failure => this.goOn(failure),
      },
    )
  }

  /** Goes on with an answer: at once where it is known, otherwise when it has come or its time is over. */
  #await<T>(answer: T | Promise<T>, goOn: (answer: T) => void): void {
    if (!(answer instanceof Promise)) {
      goOn(answer)
      return
    }
    const turn = ++this.#turn
    const { clock } = this.#parts
    const most = (this.#until ?? Number.POSITIVE_INFINITY) - clock.now()
    this.#limit = clock.after(Math.max(0, Math.min(resolveSeconds * 1000, most)), () => {
      this.#turn += 1
      this.goOn({ step: 'resolve', code: 'timeout' })
    })
    answer
      .then(value => {
        if (turn !== this.#turn) return
        this.#limit?.cancel()
        goOn(value)
      })
      .catch(cause => this.#break(cause))
  }

  /** An exception ends the search: another server would not help. */
  #break(cause: unknown): void {
    if (this.#isOver) return
    this.cancel()
    this.#events.onFailed({ step: 'resolve', code: 'internal-error', cause })
  }

  #note(failure: Failure): void {
    const far = (reached: Failure) => steps.indexOf(reached.step)
    if (this.#failure === undefined || far(failure) > far(this.#failure)) this.#failure = failure
  }

  #giveUp(): void {
    if (!this.#isOut) {
      queueMicrotask(() => this.#giveUp())
      return
    }
    if (this.#isOver) return
    this.#isOver = true
    this.#events.onFailed(this.#failure ?? { step: 'connect', code: 'timeout' })
  }
}
