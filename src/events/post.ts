import * as http from 'node:http'
import * as https from 'node:https'
import { codeOf } from '../lib/log.js'
import { createAgent, type Outgoing } from '../outgoing/http-agents.js'
import type { Failure } from '../xmpp/link.js'

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

export function createPost(url: string, { proxies, names, clock }: Outgoing) {
  const target = new URL(url)
  const transport = target.protocol === 'https:' ? https : http
  const agent = createAgent(target, {
    proxies,
    names,
    clock,
    connectTimeout: mostMilliseconds / 1000,
    errorOf,
    options: { keepAlive: true, timeout: keptMilliseconds },
  })

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
      const end = () => {
        timer.cancel()
        if (status === undefined) reject(failure ?? new NotTaken('no-answer'))
        else if (status >= 200 && status <= 299) resolve()
        else reject(new NotTaken(`http-${status}`))
      }
      const timer = clock.after(mostMilliseconds, () => {
        failure = new NotTaken('timeout')
        request.destroy()
        // Without a connection, the request reports nothing.
        end()
      })
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
        failure ??= error
      })
      request.on('close', end)
      request.end(body)
    })

  return { post, close: () => agent.destroy() }
}

/** A name that is not found has no code of its own. */
function errorOf({ step, code, cause }: Failure): Error {
  return new NotTaken((step === 'connect' ? codeOf(cause) : undefined) ?? code)
}
