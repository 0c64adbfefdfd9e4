import type { Agent, OutgoingHttpHeaders } from 'node:http'
import type { Config, RemoteEndpoint } from '../config/config.js'
import type { Step } from '../errors.js'
import type { Clock } from '../lib/clock.js'
import { type AgentParts, createAgent } from './agents.js'
import { type HttpReply, sendRequest } from './http-request.js'

/** What all endpoints of an entry in the settings have in common. */
export interface EndpointParts extends AgentParts {
  readonly settings: Config['remote']
  readonly clock: Clock
}

export interface PostOptions {
  /** Aborting it hangs up. */
  readonly signal?: AbortSignal | undefined
  /** Hears how far the connection has come. */
  readonly reached?: ((step: Step) => void) | undefined
  /** Hears when the request leaves, and whether over a connection that was made for it. */
  readonly leaves?: ((isNew: boolean) => void) | undefined
  /** Whether the request is to have a connection of its own: those that rested may be broken. */
  readonly afresh?: boolean
}

/** A BOSH endpoint of somebody else, over HTTP. */
export class Endpoint {
  /** Its public address. */
  readonly url: string
  readonly encrypted: boolean
  /** Whether a password may cross the way to it in the clear of SASL PLAIN. */
  readonly plainAllowed: boolean
  readonly #url: URL
  readonly #parts: EndpointParts
  readonly #headers: OutgoingHttpHeaders
  readonly #lasting: Agent
  readonly #passing: Agent

  /** Throws a `RemoteFault` where the host is none to connect to. */
  constructor(url: string, about: RemoteEndpoint, parts: EndpointParts) {
    this.url = url
    this.#url = new URL(url)
    this.encrypted = this.#url.protocol === 'https:'
    this.plainAllowed = this.encrypted || about.plain
    this.#parts = parts
    this.#headers = {
      ...byName(parts.settings.headers),
      'Content-Type': 'text/xml; charset=utf-8',
      'Accept-Encoding': 'identity',
    }
    this.#lasting = createAgent(this.#url, about, parts, 'lasting')
    this.#passing = createAgent(this.#url, about, parts, 'passing')
  }

  /**
   * Posts a `<body/>` that may be held for so many seconds, and resolves with whatever reply comes.
   * Rejects with a `RemoteFault`.
   */
  post(
    body: string,
    waitSeconds: number,
    { signal, reached, leaves, afresh = false }: PostOptions = {},
  ): Promise<HttpReply> {
    const { settings, clock } = this.#parts
    const limits = {
      connect: settings.connectTimeout,
      reply: waitSeconds + settings.timeout,
      maxReplyBytes: settings.maxReplyBytes,
      mayThin: true,
    }
    const agent = afresh ? this.#passing : this.#lasting
    const headers = { ...this.#headers, 'Content-Length': Buffer.byteLength(body) }
    return sendRequest(this.#url, {
      method: 'POST',
      headers,
      body,
      agent,
      limits,
      clock,
      signal,
      reached,
      leaves,
    })
  }

  /** Closes all connections, those of held requests too. */
  close(): void {
    this.#lasting.destroy()
    this.#passing.destroy()
  }
}

/** A header may be there more than once. */
function byName(headers: Config['remote']['headers']): OutgoingHttpHeaders {
  const grouped = new Map<string, string[]>()
  for (const [name, value] of headers) {
    const values = grouped.get(name.toLowerCase())
    if (values === undefined) grouped.set(name.toLowerCase(), [value])
    else values.push(value)
  }
  return Object.fromEntries(grouped)
}
