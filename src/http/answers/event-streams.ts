import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { signalOf } from '../../lib/caller-gone.js'
import type { Clock, Timer } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import type { OnRefused } from '../../lib/limits/reached-limits.js'
import { senderOf } from '../access/sender.js'

/** In milliseconds. */
export const liveInterval = 5_000
/** Proxies usually close a connection after a minute of silence. */
const longestSilence = 25_000
/** When a stream ends, the browser reconnects, and its credentials are checked again. */
const longestStream = 10 * 60_000
const mostStreams = 64
const mostOfOwner = 16

interface Stream {
  readonly response: ServerResponse
  readonly owner: string
  readonly render: () => Promise<string>
  openedAt: number
  sent: string
  sentAt: number
  isBusy: boolean
}

interface EventStreamsParts {
  readonly externalUrl: string | undefined
  readonly clock: Clock
  readonly refused: OnRefused
  readonly report: (error: unknown) => void
}

export const wantsEvents = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers.accept === 'text/event-stream'

export class EventStreams {
  readonly #parts: EventStreamsParts
  readonly #streams = new Set<Stream>()
  #timer: Timer | undefined
  #isRenewing = false
  #isOver = false

  constructor(parts: EventStreamsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#streams.size
  }

  async open(response: ServerResponse, owner: string, render: () => Promise<string>): Promise<void> {
    // Pages of other sites must not use up an admin's streams (`mostOfOwner`).
    if (senderOf(response.req.headers, this.#parts.externalUrl) === 'elsewhere') throw new Problem('cross-site-request')
    const own = [...this.#streams].filter(stream => stream.owner === owner)
    if (this.#streams.size >= mostStreams || own.length >= mostOfOwner) {
      this.#parts.refused('live-pages', { admin: owner })
      throw new Problem('too-many-requests', { retryAfterSeconds: 60, detail: 'Too many live pages are open.' })
    }
    const signal = signalOf(response.req, response)
    if (signal.aborted) return
    const now = this.#parts.clock.now()
    const stream: Stream = { response, owner, render, openedAt: now, sent: '', sentAt: now, isBusy: true }
    this.#streams.add(stream)
    signal.addEventListener('abort', () => this.#forget(stream))
    try {
      const text = await render()
      if (signal.aborted) return
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' })
      if (response.req.method !== 'HEAD') response.write(`retry: ${liveInterval}\n`)
      this.#send(stream, text)
    } catch (error) {
      this.#forget(stream)
      throw error
    }
    stream.isBusy = false
    if (this.#isOver || response.req.method === 'HEAD') this.#end(stream)
    else this.#wait()
  }

  shutDown(): void {
    this.#isOver = true
    for (const stream of this.#streams) if (!stream.isBusy) this.#end(stream)
  }

  /** Call this after a change of admins. */
  endAll(): void {
    for (const stream of this.#streams) {
      if (stream.isBusy) stream.openedAt = Number.NEGATIVE_INFINITY
      else this.#end(stream)
    }
  }

  #wait(): void {
    if (this.#streams.size > 0 && !this.#isRenewing) this.#timer ??= this.#parts.clock.after(liveInterval, this.#onTime)
  }

  /** Renders one page in each turn of the event loop: a page can take tens of milliseconds. */
  readonly #onTime = async (): Promise<void> => {
    this.#timer = undefined
    this.#isRenewing = true
    for (const stream of [...this.#streams]) {
      if (this.#streams.has(stream)) void this.#renew(stream)
      await setImmediate()
    }
    this.#isRenewing = false
    this.#wait()
  }

  async #renew(stream: Stream): Promise<void> {
    const { response, render, openedAt } = stream
    const now = this.#parts.clock.now()
    if (stream.isBusy || response.writableLength > 0 || (response.socket?.writableLength ?? 0) > 0) return
    if (now - openedAt >= longestStream) return this.#end(stream)
    stream.isBusy = true
    try {
      const text = await render()
      if (text !== stream.sent) this.#send(stream, text)
      else if (now - stream.sentAt >= longestSilence) this.#send(stream)
    } catch (error) {
      if (!(error instanceof Problem)) {
        this.#parts.report(error)
        this.#end(stream)
      }
    } finally {
      stream.isBusy = false
      if (this.#isOver) this.#end(stream)
    }
  }

  /** Sends an empty event if `text` is undefined, because `live.js` does not see SSE comments. */
  #send(stream: Stream, text?: string): void {
    const { response } = stream
    stream.sentAt = this.#parts.clock.now()
    if (text !== undefined) stream.sent = text
    if (response.destroyed || response.req.method === 'HEAD') return
    const lines = text?.split(/\r\n?|\n/).map(line => `data: ${line}\n`)
    response.write(lines === undefined ? 'event: alive\ndata:\n\n' : `${lines.join('')}\n`)
  }

  #end(stream: Stream): void {
    this.#forget(stream)
    if (!stream.response.writableEnded) stream.response.end()
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
