import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

export function rawSocket(encrypted: TLSSocket): Socket {
  const { _parent: socket } = encrypted as TLSSocket & { readonly _parent?: Socket }
  return socket ?? encrypted
}
