import { once } from 'node:events'
import * as http from 'node:http'
import * as https from 'node:https'
import { codeOf } from '../../lib/log.js'
import { createAgent, limitInterim, type Outgoing } from '../../servers/net/http-agents.js'
import type { Failure } from '../../xmpp/link.js'

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
  const post = async (body: string, headers: Readonly<Record<string, string>>): Promise<void> => {
    const limit = new AbortController()
    const { signal } = limit
    const timer = clock.after(mostMilliseconds, () => limit.abort())
    const content = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
    const all = { ...content, 'User-Agent': 'warm-bindings', ...headers }
    const request = transport.request(target, { method: 'POST', agent, signal, headers: all })
    limitInterim(request, () => request.destroy(new NotTaken('too-many-answers')))
    let status: number | undefined
    request.on('response', response => {
      status = response.statusCode
      let left = mostAnswerBytes
      response.on('data', (chunk: Buffer) => {
        left -= chunk.length
        if (left < 0) request.destroy()
      })
      response.on('error', () => {})
    })
    request.on('error', () => {})
    request.end(body)
    // Without a connection, an aborted request reports nothing.
    const failure = await once(request, 'close', { signal }).then(
      () => new NotTaken('no-answer'),
      error => (signal.aborted ? new NotTaken('timeout') : error),
    )
    timer.cancel()
    if (status === undefined) throw failure
    if (status < 200 || status > 299) throw new NotTaken(`http-${status}`)
  }

  return { post, close: () => agent.destroy() }
}

/** A name that is not found has no code of its own. */
function errorOf({ step, code, cause }: Failure): Error {
  return new NotTaken((step === 'connect' ? codeOf(cause) : undefined) ?? code)
}
