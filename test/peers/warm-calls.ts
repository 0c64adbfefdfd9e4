// Stands between a portal and the service, and keeps what the portal has called for.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { ask } from '../support/http-answer.js'

export interface WarmCall {
  /** Such as `POST /warm`. */
  readonly request: string
  readonly parameters: Readonly<Record<string, string>>
  readonly status: number
  /** The code of an error. */
  readonly code: string | undefined
}

export interface WarmCalls {
  readonly url: string
  /** The oldest first. */
  readonly made: readonly WarmCall[]
  stop(): Promise<void>
}

/** Starts it on a free port of 127.0.0.1; `service` is the service's address. */
export async function startWarmCalls(service: string): Promise<WarmCalls> {
  const made: WarmCall[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const body = await text(request)
    // What the service answers with is at its own address.
    const here = { ...headers, host: new URL(service).host }
    const reply = await ask(service + url, { method, headers: here, agent: false }, body)
    made.push({
      request: `${method} ${url}`,
      parameters: body === '' ? {} : JSON.parse(body),
      status: reply.status,
      code: reply.status < 400 ? undefined : JSON.parse(reply.text).code,
    })
    response.writeHead(reply.status, reply.headers).end(reply.text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    made,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
