import type { Socket } from 'node:net'
import type { Config } from '../../config/config.js'

/** The other end of a connection, if the socket does not know it. */
export interface Peer {
  readonly address: string
  /** Undefined: TRUSTED_PROXIES decides. */
  readonly isTrusted: boolean | undefined
  readonly isForwarded: boolean
}

/** Any program that may open the socket's file can claim any address. */
export const socketPeer: Peer = { address: '127.0.0.1', isTrusted: true, isForwarded: false }

const peers = new WeakMap<Socket, Peer>()

export function setPeer(socket: Socket, peer: Peer): void {
  peers.set(socket, peer)
  Object.defineProperty(socket, 'remoteAddress', { value: peer.address, configurable: true })
}

export function peerOf(socket: Socket): Peer | undefined {
  return peers.get(socket)
}

export function isTrusted(socket: Socket, { trustedProxies }: Pick<Config, 'trustedProxies'>): boolean {
  return peers.get(socket)?.isTrusted ?? trustedProxies.contains(socket.remoteAddress ?? '')
}
