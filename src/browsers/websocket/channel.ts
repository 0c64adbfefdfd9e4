import type { WebSocketCut } from '../../lib/counts.js'

export interface ChannelEvents {
  onMessage(message: Buffer): void
  onDrain?(): void
  /** The client has received everything that was sent before the last `probe`. */
  onArrived?(): void
  /** Called last. `cut` is set if neither side had closed the stream. */
  onGone(cut: WebSocketCut | undefined): void
}

export interface Channel {
  /** Must be set before the next turn of the event loop. */
  events: ChannelEvents
  readonly address: string
  readonly browser?: string | undefined
  readonly isSecure: boolean
  /** True if `probe` works, which needs pings. */
  readonly isProbed: boolean
  readonly isOpen: boolean
  readonly isBehind: boolean
  send(message: string): void
  probe(): void
  pause(): void
  resume(): void
  /** Closes the stream (RFC 7395 §3.6). `code` is one of `closeCodes`. `seeOther` is a URL. */
  end(code?: number, lastWords?: readonly string[], seeOther?: string): void
  answerClose(): void
  /** Without a `code`, the connection closes as if the network failed. */
  drop(code?: number): void
}

/** RFC 6455 §7.4.1 and IANA's registry. */
export const closeCodes = { normal: 1000, goingAway: 1001, unsupported: 1003, restart: 1012, full: 1013 }
