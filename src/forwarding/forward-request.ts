import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { whenClientGone } from '../lib/caller-gone.js'
import { type AnswerHeaders, endToEnd, isRefusal, type ToPeer, toLink } from './forwarded-headers.js'
import type { Lost, PeerLink } from './peer-links.js'

interface WholeRequest extends ToPeer {
  readonly body: Buffer
  /** Time for the answer to begin. After this time, the request is lost: `silent`. Default: no limit. */
  readonly milliseconds?: number | undefined
}

/**
 * Sends a client's request, whose body has been read, to the process that has its session, and the answer to the client.
 * Resolves with undefined when the answer has been sent or the client has gone, or with how the request was lost. The
 * caller then answers.
 */
export function forwardRequest(
  link: PeerLink,
  req: IncomingMessage,
  res: ServerResponse,
  whole: WholeRequest,
): Promise<Lost | undefined> {
  const { body, milliseconds } = whole
  const stream = link.request(toLink(req, whole, body.length))
  if (body.length > 0) stream.write(body)
  let state: 'waiting' | 'answered' | 'refused' | 'late' = 'waiting'
  stream.once('response', (headers: AnswerHeaders) => {
    if (state === 'late') return
    state = isRefusal(headers) ? 'refused' : 'answered'
    if (state === 'refused') return void stream.resume()
    if (!res.destroyed) res.writeHead(headers[':status']!, flat(headers))
    // Not before: if much arrives at once over TLS, Node reports data before the headers.
    stream.on('data', (chunk: Buffer) => {
      if (res.destroyed || res.write(chunk)) return
      stream.pause()
      res.once('drain', () => stream.resume())
    })
  })
  stream.once('end', () => {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
    if (state === 'answered' && !res.writableEnded) res.end()
    stream.end()
  })
  // Not a reset, because `nghttp2` closes the links of a peer that resets many streams.
  const leave = () => {
    stream.resume()
    stream.end()
  }
  const forgetClient = whenClientGone(req, res, leave)
  return new Promise(resolve => {
    const limit =
      milliseconds &&
      link.clock.after(milliseconds, () => {
        if (state !== 'waiting') return
        state = 'late'
        forgetClient()
        leave()
        resolve('silent')
      })
    stream.once('close', () => {
      if (limit) limit.cancel()
      if (state === 'late') return
      forgetClient()
      if (res.destroyed || res.writableEnded) return resolve(undefined)
      if (state === 'refused') return resolve('refused')
      if (state === 'waiting' && !isDropped(stream, link)) return resolve(link.lost)
      res.destroy()
      resolve(undefined)
    })
  })
}

/** True if the session's process has closed the connection of a client that must get no answer. */
export function isDropped({ rstCode }: { readonly rstCode?: number | undefined }, { isUsable }: PeerLink): boolean {
  return rstCode === constants.NGHTTP2_INTERNAL_ERROR && isUsable
}

/** Names and values alternate. */
function flat(head: AnswerHeaders): string[] {
  const headers = endToEnd(head)
  const result: string[] = []
  for (const name in headers) for (const value of [headers[name]].flat()) result.push(name, String(value))
  return result
}
