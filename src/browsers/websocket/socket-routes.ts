import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { forwardSocket } from '../../forwarding/forward-socket.js'
import type { Owner } from '../../forwarding/peers.js'
import type { FoundOwner, Whereabouts } from '../../forwarding/whereabouts.js'
import type { PageCredentials } from './page-credentials.js'
import { SocketTap } from './socket-tap.js'

export interface LoginBefore {
  readonly domain: string
  readonly failures: number
  /** Messages of the client that are answered. */
  readonly messages: number
}

export type SocketRoutes = ReturnType<typeof socketRoutes>

/** To the process that has the session. Must be made before `ws` gets the socket. */
export function socketRoutes(req: IncomingMessage, socket: Duplex, { peers, find }: Whereabouts) {
  const tap = new SocketTap(socket)
  return {
    /** Rejects with `StoreUnavailable`. */
    async find({ proof, node }: PageCredentials, isHere: () => boolean): Promise<FoundOwner> {
      // The process that the token names may have lost the session, while it was silent.
      const named = () => peers.ownerNamed(node ?? '')
      const found = await find({ secret: proof.toString('base64') }, isHere).catch(error => {
        // A hash of a token names no process. The URL does, but may be that of an earlier session.
        const earlier = named() ?? peers.ownerNamed(nodeOf(req) ?? '')
        if (earlier === undefined) throw error
        return earlier
      })
      return found ?? named()
    },
    /** Hands the WebSocket over to its process, which continues the login. False if the client has sent too much. */
    forward(owner: Owner, before: LoginBefore): boolean {
      const read = tap.leave()
      const onLost = () => void socket.destroy()
      if (read === undefined) return false
      forwardSocket(owner.link, req, socket, read, { isAccepted: true, note: JSON.stringify(before), onLost })
      return true
    },
    /** The session is here. */
    stay: () => tap.forget(),
  }
}

const nodeOf = ({ url }: IncomingMessage) => new URLSearchParams(url!.split('?')[1]).get('node') ?? undefined
