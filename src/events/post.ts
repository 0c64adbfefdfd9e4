import * as http from 'node:http'
import * as https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Clock } from '../lib/clock.js'
import type { Names } from '../servers/net/names.js'

/** How long an attempt may take, from the look-up of the name to the end of the answer, in milliseconds. */
const mostMilliseconds = 10_000
/** How much of an answer is read, in bytes, so that its connection can be used again. Nothing in it is of interest. */
const mostAnswerBytes = 16 * 1024
/** How long a connection is kept for the next event, in milliseconds: many servers close it after five seconds. */
const keptMilliseconds = 4_000

/** Why an event was not taken, as a code; the text of errors stays out, which may quote the URL. */
class NotTaken extends Error {
  constructor(readonly code: string) {
    super(code)
  }
}

export type Post = ReturnType<typeof createPost>['post']

/** What posts events to a URL, over connections of its own. */
export function createPost(url: string, names: Pick<Names, 'addressesOf'>, clock: Clock) {
  const target = new URL(url)
  const transport = target.protocol === 'https:' ? https : http
  // Names are looked up as those of servers are: where the DNS is silent, Node's own look-ups would hold all threads.
  const agent = new transport.Agent({ keepAlive: true, timeout: keptMilliseconds, lookup: lookupBy(names) })

  /**
   * Posts a body. Resolves once it is taken, which any status from 200 to 299 says; rejects with an error that has a `code`
   * for whatever else comes of it. A redirect is not followed: what is signed is for this URL alone.
   */
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
        // The status has said all.
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

function lookupBy(names: Pick<Names, 'addressesOf'>): LookupFunction {
  return async (host, { all = false }, callback) => {
    const told = await names.addressesOf({ host, port: 443, tls: 'direct' })
    const addresses = 'code' in told ? [] : told.map(address => ({ address, family: isIP(address) }))
    const [first] = addresses
    if (first === undefined) callback(new NotTaken('code' in told ? told.code : 'host-unknown'), [])
    else if (all) callback(null, addresses)
    else callback(null, first.address, first.family)
  }
}
