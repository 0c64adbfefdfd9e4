import { isIP, type NetConnectOpts, type Socket } from 'node:net'
import type { Clock } from '../../lib/clock.js'
import { connectProblem } from '../../lib/connect-problem.js'
import type { Failure } from '../../xmpp/link.js'
import type { Addresses } from './name-lookup.js'

export const nothing = () => {}

/** For all addresses together. */
const mostSeconds = 5
/** Longer than the 250 ms of RFC 8305 §5, because Node.js ends an attempt before it begins the next. */
const attemptMilliseconds = 500

interface ConnectParts {
  readonly clock: Clock
  readonly until: number
  readonly connect: (options: NetConnectOpts) => Socket
}

/** Connects to the first address that answers in time. After `cancel`, `end` never resolves. */
export function connectToAny(addresses: Addresses, port: number, { clock, until, connect }: ConnectParts) {
  const found = addresses.map(address => ({ address, family: isIP(address) }))
  const socket = connect({
    // A name, because Node.js looks up no address.
    host: 'addresses',
    lookup: (_host, _options, answer) => answer(null, found),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptMilliseconds,
    port,
    keepAlive: true,
    noDelay: true,
  })
  let cancel = nothing
  const end = new Promise<Socket | Failure>(resolve => {
    const finish = (result?: Socket | Failure) => {
      cancel = nothing
      limit.cancel()
      socket.off('connect', onConnect).off('error', onError).on('error', nothing)
      if (result !== socket) socket.destroy()
      if (result !== undefined) resolve(result)
    }
    const onConnect = () => finish(socket)
    const onError = (cause: Error) => finish({ step: 'connect', code: connectProblem(cause), cause })
    const ms = Math.max(0, Math.min(mostSeconds * 1000, until - clock.now()))
    const limit = clock.after(ms, () => finish({ step: 'connect', code: 'timeout' }))
    cancel = () => finish()
    socket.on('connect', onConnect).on('error', onError)
  })
  return { end, cancel: () => cancel() }
}
