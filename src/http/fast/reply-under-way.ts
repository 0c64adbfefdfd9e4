import type { IncomingMessage, ServerResponse } from 'node:http'
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

/** Of Node's HTTP parser. A result of 2 ends the reading of what has arrived. */
interface Parser {
  onIncoming: ((req: IncomingMessage & { upgrade: boolean | null }) => number) | null
}

/**
 * To be called in a listener of requests. Otherwise, Node would read all requests that have arrived with this request,
 * even after the connection is destroyed. It would keep them until all other connections have been read.
 */
export function readNoMore(connection: Duplex): void {
  const { parser } = connection as { readonly parser?: Parser | null }
  if (parser == null) return
  parser.onIncoming = req => {
    req.upgrade = false
    return 2
  }
}
