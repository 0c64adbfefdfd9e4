import type { Lost, PeerLink } from '../../forwarding/peer-links.js'

export interface Peer {
  readonly address: string
  readonly secure: boolean
  readonly gone: boolean
  whenGone: (() => void) | undefined
  /** True if another process received the request. */
  readonly cameFromPeer?: boolean
  /** True if its client may have repeated the request before it came to its session. */
  mayBeLate?: boolean
  /** Called if the process with the client stops. */
  whenHurried?: (() => void) | undefined
  readonly cookies: string | undefined
  readonly browser?: string | undefined
  readonly secureUrl: string | undefined
  answer(reply: Reply, settled?: Settled): void
  /** Sends a request that creates a session to another process. Resolves with undefined unless it is lost. */
  forward?(link: PeerLink, text: string): Promise<Lost | undefined>
}

/** Called once: with true when the reply has left for the client, with false if it never will. */
export type Settled = (isSent: boolean) => void

export interface Reply {
  /** HTTP status. 0 closes the connection without a reply. */
  readonly status: number
  readonly body: string
  readonly contentType: string
  readonly setCookie?: string
}

/** Some libraries treat `type='error'` as an empty reply, so the reply has a status. The session continues. */
export const busyAnswer: Reply = {
  status: 503,
  body: 'Too many requests are under way. Send it again later.\n',
  contentType: 'text/plain; charset=utf-8',
}

/** Closes the connection, so that the client repeats its request. */
export const noAnswer: Reply = { status: 0, body: '', contentType: '' }
