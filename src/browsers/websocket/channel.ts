// The interface below the streams of WebSocket clients.

import type { WebSocketCut } from '../../lib/counts.js'

export interface ChannelEvents {
  /** UTF-8, not validated otherwise. */
  onMessage(message: Buffer): void
  /** The client has read on. */
  onDrain(): void
  /** Everything before the last `probe` has arrived. */
  onArrived(): void
  /** The last call. `cut` is set if neither side had closed the stream. */
  onGone(cut: WebSocketCut | undefined): void
}

export interface Channel {
  /** Set in the turn that makes the channel. */
  events: ChannelEvents
  readonly address: string
  readonly isSecure: boolean
  /** Whether `probe` works. False without pings. */
  readonly isProbed: boolean
  readonly isOpen: boolean
  readonly isBehind: boolean
  /** Messages of one turn are written together. */
  send(message: string): void
  /** Asks by a ping whether all messages have arrived. */
  probe(): void
  pause(): void
  resume(): void
  /** RFC 7395 §3.6. `code` is one of `closeCodes`. `seeOther` is another address. */
  end(code?: number, lastWords?: readonly string[], seeOther?: string): void
  answerClose(): void
  /** Without a code, as if the network had failed. */
  drop(code?: number): void
}

/** RFC 6455 §7.4.1 and IANA's registry. */
export const closeCodes = { normal: 1000, goingAway: 1001, unsupported: 1003, restart: 1012, full: 1013 }
