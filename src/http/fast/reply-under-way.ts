import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

export function replyUnderWay(connection: Duplex): ServerResponse | undefined {
  const { _httpMessage: reply } = connection as { _httpMessage?: ServerResponse | null }
  return reply ?? undefined
}

/** Bytes that the operating system has not accepted. 0 if unknown. */
export function bytesUnderWay(connection: Duplex): number {
  const { _handle: handle } = connection as { _handle?: { readonly writeQueueSize?: number } | null }
  return handle?.writeQueueSize ?? 0
}

export function rawSocket(encrypted: TLSSocket): Socket {
  const { _parent: socket } = encrypted as TLSSocket & { readonly _parent?: Socket }
  return socket ?? encrypted
}
