import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import { whenClientGone } from '../lib/caller-gone.js'
import { endToEnd, isRefusal, requestOver, type ToPeer } from './forwarded-headers.js'
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
  const { stream, request } = requestOver(link, req, whole, body.length > 0 ? { 'content-length': body.length } : {})
  let state: 'waiting' | 'answered' | 'refused' | 'late' = 'waiting'
  let answer: IncomingMessage | undefined
  stream.once('response', headers => {
    if (state === 'waiting' && isRefusal(headers)) state = 'refused'
  })
  request.once('response', response => {
    if (state !== 'waiting') return void response.resume()
    state = 'answered'
    answer = response
    if (!res.destroyed) res.writeHead(response.statusCode!, flat(response.headers))
    response.once('error', () => res.destroy()).pipe(res)
  })
  request.end(body)
  // Not a reset, because `nghttp2` closes the links of a peer that resets many streams.
  const leave = () => {
    answer?.unpipe(res).resume()
    // A call such as DELETE counts although its caller has left.
    if (request.writableFinished) stream.end()
    else request.once('finish', () => stream.end())
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
      if (state === 'answered' || res.destroyed) return resolve(undefined)
      if (state === 'refused') return resolve('refused')
      if (!link.isUsable) return resolve(link.lost)
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
function flat(head: IncomingMessage['headers']): string[] {
  const headers = endToEnd(head)
  const result: string[] = []
  for (const name in headers) for (const value of [headers[name]].flat()) result.push(name, String(value))
  return result
}
