import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The reply that is next on a connection of one of Node's servers, where one is to come. */
export function replyUnderWay(connection: Duplex): ServerResponse | undefined {
  const { _httpMessage: reply } = connection as { _httpMessage?: ServerResponse | null }
  return reply ?? undefined
}

/** How many bytes of the last write on a connection the system has not taken yet; 0 if Node does not tell. */
export function bytesUnderWay(connection: Duplex): number {
  const { _handle: handle } = connection as { _handle?: { readonly writeQueueSize?: number } | null }
  return handle?.writeQueueSize ?? 0
}

/** Whether no request has come on its connection behind the one that this is the reply to. */
export function isLastUnderWay({ req }: ServerResponse): boolean {
  const { parser } = req.socket as { readonly parser?: { readonly incoming?: unknown } | null }
  return parser?.incoming == null || parser.incoming === req
}
