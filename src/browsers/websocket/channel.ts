// The seam below the streams of WebSocket clients: how messages get to a client and from it.

import type { WebSocketCut } from '../../lib/counts.js'

/** Hears what comes over a channel. */
export interface ChannelEvents {
  /** A message has come: text, in UTF-8, of any content. */
  onMessage(message: Buffer): void
  /** What was sent has left, after `isBehind` was true. */
  onDrain(): void
  /** What was sent before the last `probe` has arrived. */
  onArrived(): void
  /** The connection is over. The last call, made once. `cut` is the reason if neither side had closed the stream. */
  onGone(cut: WebSocketCut | undefined): void
}

/** The way to one client: messages both ways, and the two ways to part. */
export interface Channel {
  /** Who hears what comes; set before the turn of the event loop is over in which the channel was made. */
  events: ChannelEvents
  /** Where the client is. */
  readonly address: string
  /** Whether it came over TLS, as far as that can be known. */
  readonly isSecure: boolean
  /** Whether `probe` does anything; false if pings are switched off. */
  readonly isProbed: boolean
  /** Whether messages can be sent. */
  readonly isOpen: boolean
  /** Whether so much waits for the client to read it that no more should be sent. */
  readonly isBehind: boolean
  /** Sends a message: those of one turn of the event loop leave as one piece. */
  send(message: string): void
  /** Asks the client, by a ping, whether all that was sent has arrived. */
  probe(): void
  /** Stops reading, and goes on. A little that had been read before may still come. */
  pause(): void
  resume(): void
  /**
   * Closes the stream (RFC 7395 §3.6) behind the last words, and the WebSocket when the client has done so too or its time
   * is over. The code is one of `closeCodes`, `normal` unless said otherwise; `seeOther` is an address for the client.
   */
  end(code?: number, lastWords?: readonly string[], seeOther?: string): void
  /** The client has closed the stream: answers it, and closes the WebSocket. */
  farewell(): void
}

/** Codes of RFC 6455 §7.4.1, and of IANA's list of those that came after it. */
export const closeCodes = { normal: 1000, goingAway: 1001, unsupported: 1003, restart: 1012, full: 1013 }
