import * as http from 'node:http'
import * as https from 'node:https'
import type { Clock } from '../lib/clock.js'
import { allowed, lookupBy } from '../servers/net/allowed-addresses.js'
import type { NameLookup } from '../servers/net/name-lookup.js'

const mostMilliseconds = 10_000
/** An answer is read up to this size, so that the connection can be used again. */
const mostAnswerBytes = 16 * 1024
/** Many servers close an idle connection after 5 s. */
const keptMilliseconds = 4_000

/** Has only a code, because the text of an error may quote the URL. */
class NotTaken extends Error {
  constructor(readonly code: string) {
    super(code)
  }
}

export function createPost(url: string, names: Pick<NameLookup, 'addressesOf'>, clock: Clock) {
  const target = new URL(url)
  const transport = target.protocol === 'https:' ? https : http
  // Look-ups by Node.js itself would block its threads while DNS is silent.
  const find = async (host: string) => allowed(await names.addressesOf({ host }), false)
  const lookup = lookupBy(find, ({ code }) => new NotTaken(code))
  const agent = new transport.Agent({ keepAlive: true, timeout: keptMilliseconds, lookup })

  /** Rejects with a `code` unless the status is 2xx. Redirects fail too: events go to this URL only. */
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
        status = response.statusCode
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
