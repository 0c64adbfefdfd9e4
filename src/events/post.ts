import * as http from 'node:http'
import * as https from 'node:https'
import type { Clock } from '../lib/clock.js'
import { allowed, lookupBy } from '../servers/net/allowed-addresses.js'
import type { Names } from '../servers/net/name-lookup.js'

/** In milliseconds, DNS look-up included. */
const mostMilliseconds = 10_000
/** Bytes of an answer that are read, so that the connection can be used again. */
const mostAnswerBytes = 16 * 1024
/** Time that an idle connection stays open. Many servers close it after 5 s. */
const keptMilliseconds = 4_000

/** Carries a code only: the text of an error may quote the URL. */
class NotTaken extends Error {
  constructor(readonly code: string) {
    super(code)
  }
}

export function createPost(url: string, names: Pick<Names, 'addressesOf'>, clock: Clock) {
  const target = new URL(url)
  const transport = target.protocol === 'https:' ? https : http
  // Node's own look-ups would block all threads while DNS is silent.
  const find = async (host: string) => allowed(await names.addressesOf({ host }), false)
  const lookup = lookupBy(find, ({ code }) => new NotTaken(code))
  const agent = new transport.Agent({ keepAlive: true, timeout: keptMilliseconds, lookup })

  /** Rejects with a `code`, unless the answer is 2xx. Follows no redirect: the signature is for this URL. */
  const post = (body: string, headers: Readonly<Record<string, string>>) =>
    new Promise<void>((resolve, reject) => {
      let status: number | undefined
      let failure: unknown
      const request = transport.request(target, {
        method: 'POST',
        agent,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          'User-Agent': 'warm-bindings',
          ...headers,
        },
      })
      const timer = clock.after(mostMilliseconds, () => request.destroy(new NotTaken('timeout')))
      request.on('response', response => {
        status = response.statusCode ?? 0
        let left = mostAnswerBytes
        response.on('data', (chunk: Buffer) => {
          left -= chunk.length
          if (left < 0) request.destroy()
        })
        response.on('error', () => {})
      })
      request.on('error', error => {
        failure = error
      })
      request.on('close', () => {
        timer.cancel()
        if (status === undefined) reject(failure ?? new NotTaken('no-answer'))
        else if (status >= 200 && status <= 299) resolve()
        else reject(new NotTaken(`http-${status}`))
      })
      request.end(body)
    })

  return { post, close: () => agent.destroy() }
}
