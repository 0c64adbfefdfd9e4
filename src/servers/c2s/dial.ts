import type { Socket } from 'node:net'
import type { Server } from '../../config/config.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { connectProblem, steps } from '../../lib/errors.js'
import { connectSharingBuffer } from '../../lib/shared-buffer.js'
import type { Failure } from '../../xmpp/link.js'
import type { Addresses, Names, Route } from '../net/names.js'
import { isPrivateAddress } from '../net/private-addresses.js'
import { nothing } from './socket-events.js'

/** A connection that stands, and is used as `tls` says. */
export interface Dialled {
  readonly socket: Socket
  readonly tls: Server['tls']
}

/** Longest time to find one name, in seconds. */
const resolveSeconds = 5
/** Longest time to connect to one address, in seconds. */
const addressSeconds = 5
/** Time between the beginnings of two attempts, in milliseconds (RFC 8305 §5). */
const stagger = 250
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

export type Dialer = ReturnType<typeof createDialer>

/** Opens connections to XMPP servers. */
export function createDialer(given: DialerParts) {
  const parts = { connect: connectTcp, ...given }
  return {
    /** Dials a server that the operator named, which may have any address. */
    toServer: (server: Server) => createSearch({ ...parts, publicOnly: false }, { targets: [server] }),
    /** Dials the servers that the DNS names for a domain (RFC 6120 §3.2, XEP-0368). */
    toDomain: (domain: string) => createSearch(parts, parts.names.routeTo(domain)),
  }
}

function connectTcp(host: string, port: number): Socket {
  const socket = connectSharingBuffer({
    host,
    port,
    keepAlive: true,
    // Small stanzas must not wait for an acknowledgement of the one before.
    noDelay: true,
  })
  // Until its user listens: an error without a listener would end the process.
  return socket.on('error', nothing)
}

export type Search = ReturnType<typeof createSearch>

/** Goes from target to target, and from address to address. */
export function createSearch(
  { names, clock, publicOnly, connect }: Required<DialerParts>,
  route: Route | Promise<Route>,
) {
  /** Of the target that came furthest: that failure says most. */
  let furthest: Failure | undefined
  /** When the search is over, by the clock; set when there is something to connect to. */
  let until = Number.POSITIVE_INFINITY
  let limit: Timer | undefined
  let cancelRace: () => void = () => {}
  let isOver = false

  /** The connection made last was of no use, or there is none to a target, for this reason. */
  function note(failure: Failure): void {
    const far = (reached: Failure) => steps.indexOf(reached.step)
    if (furthest === undefined || far(failure) > far(furthest)) furthest = failure
  }

  /** Connects to one target after the other, as long as another one is asked for. Calls back when there is an address. */
  async function* connections(onConnecting: () => void): AsyncGenerator<Dialled, void> {
    const found = await inTime(route)
    if ('code' in found) return note(found)
    if (found.failure !== undefined) note(found.failure)
    for (const target of found.targets) {
      if (isOver || clock.now() >= until) return
      const addresses = allowed(await inTime(names.addressesOf(target)))
      if (isOver) return
      if ('code' in addresses) {
        note(addresses)
        continue
      }
      onConnecting()
      until = Math.min(until, clock.now() + connectSeconds * 1000)
      const socket = await new Promise<Socket | Failure>(resolve => {
        cancelRace = race(addresses, target.port, { clock, connect }, until, resolve)
      })
      if ('code' in socket) note(socket)
      else yield { socket, tls: target.tls }
    }
  }

  /** The addresses are judged, not the name: it may resolve to others the next time. */
  function allowed(found: Addresses | Failure): Addresses | Failure {
    if ('code' in found) return found
    if (found.length === 0) return { step: 'resolve', code: 'host-unknown' }
    const usable = publicOnly ? found.filter(address => !isPrivateAddress(address)) : found
    return usable.length === 0 ? { step: 'connect', code: 'address-not-allowed' } : usable
  }

  /** An answer, at once where it is known, or the failure that its time is over. */
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
    note,
    /** Why no connection was of use. */
    get failure(): Failure {
      return furthest ?? { step: 'connect', code: 'timeout' }
    },
    /** Gives up: nothing comes any more. */
    cancel(): void {
      isOver = true
      limit?.cancel()
      cancelRace()
    },
  }
}

/**
 * Connects to one of a host's addresses: each has a short start before the next, the first to answer wins and the
 * others are given up (Happy Eyeballs, RFC 8305 §5). No attempt lasts beyond `until`, by the clock. Returns what gives up
 * every attempt; `onEnd` is called no more then.
 */
export function race(
  addresses: Addresses,
  port: number,
  { clock, connect }: Pick<Required<DialerParts>, 'clock' | 'connect'>,
  until: number,
  onEnd: (end: Socket | Failure) => void,
): () => void {
  /** The attempts that have not ended, each with its time limit. */
  const attempts = new Map<Socket, Timer>()
  let begun = 0
  let next: Timer | undefined

  function cancel(): void {
    next?.cancel()
    for (const socket of attempts.keys()) giveUp(socket)
  }

  function giveUp(socket: Socket): void {
    attempts.get(socket)?.cancel()
    attempts.delete(socket)
    socket.destroy()
  }

  function lose(socket: Socket, failure: Failure): void {
    giveUp(socket)
    if (begun < addresses.length) {
      next?.cancel()
      attempt()
    } else if (attempts.size === 0) onEnd(failure)
  }

  function attempt(): void {
    const socket = connect(addresses[begun++]!, port)
    const ms = Math.max(0, Math.min(addressSeconds * 1000, until - clock.now()))
    const limit = clock.after(ms, () => lose(socket, { step: 'connect', code: 'timeout' }))
    attempts.set(socket, limit)
    const onError = (cause: Error) => lose(socket, { step: 'connect', code: connectProblem(cause), cause })
    const onConnect = () => {
      socket.off('error', onError)
      socket.off('connect', onConnect)
      limit.cancel()
      attempts.delete(socket)
      cancel()
      onEnd(socket)
    }
    socket.on('error', onError)
    socket.on('connect', onConnect)
    if (begun < addresses.length) next = clock.after(stagger, attempt)
  }

  attempt()
  return cancel
}
