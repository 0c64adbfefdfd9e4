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
import type { ServerState, StateLookup } from '../net/server-states.js'
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

export type Search = ReturnType<Dialer>

export function createDialer(parts: DialerParts) {
  return (to: Destination) => createSearch(parts, to)
}

/** `connections` dials the targets in order. `failure` is the first at the furthest step. */
function createSearch(parts: DialerParts, { domain, server: entry, other }: Destination) {
  const { names, clock, descriptors, states, onExhausted } = parts
  const publicOnly = parts.publicOnly && entry === undefined
  let furthest: Failure | undefined
  let state: ServerState | undefined
  let server: string | undefined
  let until = Number.POSITIVE_INFINITY
  let limit: Timer | undefined
  let cancelConnecting: () => void = () => {}
  let isOver = false
  let isExpected = false

  function countAhead(isOne: boolean): void {
    if (isOne === isExpected) return
    isExpected = isOne
    descriptors.expected += isOne ? 1 : -1
  }

  function fail(failure: Failure): void {
    if (failure.code === 'local-ports-exhausted') onExhausted({ domain: withULabels(domain), server: state?.server })
    state?.failed(failure, domain)
    note({ ...failure, server })
  }

  function note(failure: Failure): void {
    const far = ({ step }: Failure) => (steps as readonly LinkStep[]).indexOf(step)
    if (furthest === undefined || far(failure) > far(furthest)) furthest = failure
  }

  function route(): Route | Promise<Route> {
    if (other !== undefined) return { targets: [entry === undefined ? { ...other, usesDns: true } : other] }
    return entry === undefined ? names.routeTo(domain) : { targets: [entry] }
  }

  function stateOf(target: Target): ServerState | undefined {
    if (other !== undefined) return undefined
    return entry === undefined ? states.ofFound(domain, written(target)) : states.ofEntry(domain, written(target))
  }

  async function* connections(onConnecting: () => void) {
    countAhead(true)
    const found = await inTime(route())
    if ('code' in found) return note(found)
    if (found.failure !== undefined) note(found.failure)
    for (const [index, target] of found.targets.entries()) {
      if (isOver || clock.now() >= until) return
      countAhead(true)
      state = stateOf(target)
      server = written(target)
      const addresses = allowed(await inTime(names.addressesOf(target)), publicOnly)
      if (isOver) return
      if ('code' in addresses) {
        fail(addresses)
        continue
      }
      onConnecting()
      until = Math.min(until, clock.now() + connectSeconds * 1000)
      const socket = await new Promise<Socket | Failure>(resolve => {
        cancelConnecting = connectToAny(
          addresses,
          target.port,
          { clock, until, connect: connectSharingBuffer },
          resolve,
        )
        // Node opens the socket in the next tick. Until then, `countAhead` counts its descriptor.
        process.nextTick(countAhead, false)
      })
      if ('code' in socket) fail(socket)
      else
        yield {
          socket,
          tls: target.tls,
          to: { name: server, state },
          isLast: index === found.targets.length - 1,
        }
    }
  }

  function inTime<T>(answer: T | Promise<T>): Promise<T | Failure> | T {
    if (!(answer instanceof Promise)) return answer
    const ms = Math.max(0, Math.min(resolveSeconds * 1000, until - clock.now()))
    const late = new Promise<Failure>(resolve => {
      limit = clock.after(ms, () => resolve({ step: 'resolve', code: 'timeout' }))
    })
    return Promise.race([answer, late]).finally(() => limit?.cancel())
  }

  return {
    connections,
    fail,
    get server(): string | undefined {
      return server
    },
    get failure(): Failure {
      return furthest ?? { step: 'connect', code: 'timeout' }
    },
    cancel(): void {
      isOver = true
      countAhead(false)
      limit?.cancel()
      cancelConnecting()
    },
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
