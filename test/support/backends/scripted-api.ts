// An HTTP server in the place of the service, which answers what a test tells it to.
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ProblemCode, problems } from '../../../src/lib/errors.js'

/** A request as it came. */
export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Text, or what is written as JSON. */
  readonly body?: string | object
}

/** Returns the answer, or undefined if it answers by itself. */
export type Script = (asked: Asked, response: ServerResponse) => Reply | undefined

export class ScriptedApi {
  readonly asked: Asked[] = []
  script: Script = () => ({ status: 500 })
  readonly #server: Server

  private constructor() {
    this.#server = createServer(async (request, response) => {
      let body = ''
      for await (const part of request.setEncoding('utf8')) body += part
      const { method = '', url: path = '', headers } = request
      const asked = { method, path, headers, body }
      this.asked.push(asked)
      const reply = this.script(asked, response)
      if (reply === undefined) return
      const isText = typeof reply.body === 'string'
      response.writeHead(reply.status, {
        'Content-Type': isText ? 'text/html' : 'application/json',
        ...reply.headers,
      })
      response.end(isText ? reply.body : JSON.stringify(reply.body))
    })
  }

  static async start(): Promise<ScriptedApi> {
    const api = new ScriptedApi()
    await once(api.#server.listen(0, '127.0.0.1'), 'listening')
    return api
  }

  /** The address of its warm API. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/warm`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await once(this.#server.close(), 'close')
  }
}

/** A problem as the service answers with it. */
export function problem(code: ProblemCode, status: number, retryAfter?: number): Reply {
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    },
    body: {
      type: 'about:blank',
      title: 'No',
      status,
      detail: `Why ${code}.`,
      code,
      advice: `Mend ${code}.`,
      retry: problems[code as ProblemCode].retry,
      instance: 'urn:uuid:1-2-3',
    },
  }
}
