// A BOSH client (XEP-0124, XEP-0206) that does what it is told, right or wrong: raw text, no parser, no policy.
import { Agent } from 'node:http'
import { ask, type HttpAnswer } from './http-answer.js'

export interface SendOptions {
  /** Aborting it destroys the request's socket, as a browser does on a reload. */
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

/** Posts one body and resolves with whatever status comes back; rejects when the connection fails. */
export type Post = (body: string, options?: SendOptions) => Promise<HttpAnswer>

export interface BoshClientOptions {
  readonly sid?: string | undefined
  /** The next rid to send; random by default. */
  readonly rid?: number | undefined
  /** Replaces the keep-alive `node:http` agent. */
  readonly post?: Post | undefined
}

export class BoshClient {
  sid: string | undefined
  rid: number
  readonly #post: Post
  readonly #agent = new Agent({ keepAlive: true, noDelay: true })

  constructor(
    readonly url: string,
    options: BoshClientOptions = {},
  ) {
    this.sid = options.sid
    this.rid = options.rid ?? Math.floor(Math.random() * 1e9) + 1
    this.#post = options.post ?? ((body, sendOptions) => post(url, this.#agent, body, sendOptions))
  }

  /**
   * Sends `inner` in a `<body/>` with the session's sid and its next rid, and resolves with the reply's text.
   * `attributes` are added, escaped; a `rid` among them is used instead and leaves `this.rid` alone.
   * Rejects on any status but 200.
   */
  async request(inner = '', attributes: Readonly<Record<string, string>> = {}, options?: SendOptions) {
    const answer = await this.send(this.compose(inner, attributes), options)
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.text.slice(0, 200)}`)
    return answer.text
  }

  /** Sends a text as it is, well-formed or not; knows nothing of sid and rid. */
  send(body: string, options?: SendOptions): Promise<HttpAnswer> {
    return this.#post(body, options)
  }

  /** The `<body/>` that `request` would send; takes a rid. */
  compose(inner = '', attributes: Readonly<Record<string, string>> = {}): string {
    const own: Record<string, string> = attributes['rid'] === undefined ? { rid: String(this.rid++) } : {}
    if (this.sid !== undefined) own['sid'] = this.sid
    const written = Object.entries({ ...own, ...attributes })
      .map(([name, value]) => ` ${name}='${escapeAttribute(value)}'`)
      .join('')
    return `<body xmlns='http://jabber.org/protocol/httpbind'${written}>${inner}</body>`
  }

  terminate(inner = "<presence xmlns='jabber:client' type='unavailable'/>"): Promise<string> {
    return this.request(inner, { type: 'terminate' })
  }

  /** Closes all sockets, those of held requests too. The session is left to the server. */
  close(): void {
    this.#agent.destroy()
  }
}

/** Reads an attribute of the outermost element, entities resolved. */
export function attribute(xml: string, name: string): string | undefined {
  const tag = xml.slice(0, xml.indexOf('>') + 1)
  const match = new RegExp(`\\s${name}=(?:'([^']*)'|"([^"]*)")`).exec(tag)
  const value = match?.[1] ?? match?.[2]
  return value === undefined ? undefined : unescapeText(value)
}

const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' }

export const unescapeText = (text: string): string =>
  text.replace(/&(lt|gt|amp|apos|quot);/g, (_, name: string) => entities[name] ?? '')

const escapeAttribute = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll("'", '&apos;')

function post(url: string, agent: Agent, body: string, options: SendOptions = {}): Promise<HttpAnswer> {
  const headers = { 'Content-Type': 'text/xml; charset=utf-8', ...options.headers }
  const signal = options.signal ? { signal: options.signal } : {}
  return ask(url, { method: 'POST', agent, headers, ...signal }, body)
}
