import { Counts } from '../../src/lib/counts.js'

const states = { opening: 0, waiting: 0, held: 0, quiet: 0, paused: 0, ended: 0, elsewhere: 0 }

/** What the metrics of a process are made of. */
export function sourcesOf() {
  return {
    counts: new Counts(),
    clock: { now: () => 7_500 },
    census: () => ({ states, heldRequests: 0, heldSince: undefined }),
    open: {
      links: () => 5,
      servers: () => [{ labels: { domain: 'example.org', server: '[::1]:5222' }, isUp: false }],
      remotes: () => 6,
      unreadBytes: () => 7,
      waitingBytes: () => 9,
      connections: () => 7,
      events: () => 8,
      certificateExpiries: () => new Map([['/etc/ssl/chat.crt', 1_800_000_000]]),
    },
  }
}
