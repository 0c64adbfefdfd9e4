export interface Ending {
  /**
   * `close-empty`: closes once nothing is left to deliver. `cut`: closes the connection but not the stream.
   * `abandon`: does not read waiting data.
   */
  readonly link: 'close' | 'close-empty' | 'cut' | 'abandon'
  /** `return`: senders get errors. */
  readonly queue: 'deliver' | 'return' | 'discard'
  /**
   * `outcome`: stays until the client has the outcome. `outcome-now`: does not wait for a request. `end`,
   * `return`: see `Client.close`. `untold`: only closes.
   */
  readonly client: 'outcome' | 'outcome-now' | 'end' | 'return' | 'untold'
}

/** For a fault call `Session.fail`. */
export const endings = {
  /** The service stops, or the server has ended the link. */
  emptied: { link: 'close-empty', queue: 'deliver', client: 'outcome' },
  /** The server does not answer, or the client broke a deadline or limit. */
  told: { link: 'close', queue: 'deliver', client: 'outcome' },
  evicted: { link: 'close', queue: 'deliver', client: 'outcome-now' },
  /** Frees memory. */
  freed: { link: 'abandon', queue: 'return', client: 'outcome-now' },
  /** The user or an admin ends the session. */
  loggedOut: { link: 'close', queue: 'return', client: 'end' },
  /** There is no client, or it already has the reply. */
  untold: { link: 'close', queue: 'return', client: 'untold' },
  /** The client may resume the stream over another connection (XEP-0198 §5). */
  cut: { link: 'cut', queue: 'discard', client: 'untold' },
  /** Like `cut`, before a restart of the service. */
  restarting: { link: 'cut', queue: 'discard', client: 'return' },
} as const satisfies Record<string, Ending>

export type How = keyof typeof endings
