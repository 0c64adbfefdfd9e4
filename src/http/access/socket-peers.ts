import type { Socket } from 'node:net'
import type { Config } from '../../config/config.js'

/** The client of a Unix socket or of a PROXY header, whose address Node does not know. */
interface SocketPeer {
  readonly address: string
  /** If undefined, TRUSTED_PROXIES decides. */
  readonly isTrusted: boolean | undefined
  readonly isForwarded: boolean
}

/** Trusted, because the mode of the socket's file limits who can connect. */
export const unixSocketPeer: SocketPeer = { address: '127.0.0.1', isTrusted: true, isForwarded: false }

const peers = new WeakMap<Socket, SocketPeer>()

export function setPeer(socket: Socket, peer: SocketPeer): void {
  peers.set(socket, peer)
  Object.defineProperty(socket, 'remoteAddress', { value: peer.address, configurable: true })
}

export function peerOf(socket: Socket): SocketPeer | undefined {
  return peers.get(socket)
}

export function isTrustedProxy(socket: Socket, { trustedProxies }: Pick<Config, 'trustedProxies'>): boolean {
  return peers.get(socket)?.isTrusted ?? trustedProxies.contains(socket.remoteAddress ?? '')
}
