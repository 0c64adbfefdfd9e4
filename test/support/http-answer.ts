import { type IncomingHttpHeaders, request } from 'node:http'
import { type RequestOptions, request as requestTls } from 'node:https'
import { text } from 'node:stream/consumers'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/**
 * Sends a request and reads its reply; rejects when the connection breaks before that is complete. Without an agent, it
 * uses a connection of its own.
 */
export function ask(url: string, options: RequestOptions = {}, body?: string | Buffer): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? requestTls : request
    const sent = send(url, { agent: false, ...options }, response => {
      const { statusCode: status = 0, headers } = response
      text(response).then(text => resolve({ status, headers, text }), reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
