// An HTTP server in the place of the service, which answers what a test tells it to.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { type ProblemCode, problems } from '../../../src/lib/errors.js'
import { ListeningServer } from '../listener.js'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | object
}

/** Returns the answer, or undefined if it answers by itself. */
export type Script = (asked: Asked, response: ServerResponse) => Reply | undefined

export class ScriptedApi extends ListeningServer {
  readonly asked: Asked[] = []
  script: Script = () => ({ status: 500 })

  private constructor() {
    super(createServer())
    this.server.on('request', async (request, response) => {
      const { method = '', url: path = '', headers } = request
      const body = await text(request).catch(() => undefined)
      if (body === undefined) return
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

  static start(): Promise<ScriptedApi> {
    return new ScriptedApi().listen()
  }

  override get url(): string {
    return `${super.url}/warm`
  }
}

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
