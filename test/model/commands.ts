// What can happen to a session, as data: fast-check prints it, runs it again and makes it shorter.
import fc from 'fast-check'
import type { Wishes } from './client.js'

/** `x` and `y` say which, how many, how long; each is taken modulo what there is when the command's turn comes. */
export interface Command {
  readonly name: Name
  readonly x: number
  readonly y: number
}

/** What client and operator want of a session. */
export interface Setting extends Wishes {
  readonly maxRequests: number
  /** Whether the client opens the stream again as soon as it may. */
  readonly isPrompt: boolean
}

/** How often each happens among the others. */
const weights = {
  /** The client sends stanzas, or nothing, in its next request. */
  send: 14,
  poll: 16,
  /** A request that was under way reaches the service, or never does. */
  arrive: 12,
  vanish: 3,
  /** A connection breaks and the service notices. */
  drop: 9,
  /** A request is sent again with the same rid and the same text. */
  repeat: 12,
  pause: 2,
  restart: 4,
  /** The XMPP server sends. */
  burst: 18,
  features: 6,
  /** Time goes by, a little and a lot. */
  tick: 10,
  pass: 7,
  /** Another page takes the session over; one of those before goes on without knowing. */
  resume: 2,
  stale: 2,
  /** Another program sends the sid over a channel that is not encrypted. */
  eavesdrop: 1,
  /** What ends a session. */
  terminate: 0.5,
  streamError: 0.5,
  linkLoss: 0.5,
  shutDown: 0.2,
  outside: 0.3,
  wrongKey: 0.3,
  badRid: 0.3,
} as const

export type Name = keyof typeof weights

/** In so many of ten. */
const chance = (of10: number) => fc.nat(9).map(number => number < of10)

const number = fc.noBias(fc.nat(999))

export const life = fc.record({
  setting: fc.record({
    wait: fc.constantFrom(0, 5, 60),
    hold: fc.constantFrom(0, 1, 2),
    acks: chance(4),
    keys: chance(3),
    legacy: chance(1),
    sasl2: chance(6),
    maxRequests: fc.constantFrom(2, 3),
    isPrompt: chance(8),
  }),
  commands: fc.array(
    fc.oneof(
      ...(Object.keys(weights) as Name[]).map(name => ({
        weight: weights[name] * 10,
        arbitrary: fc.record({ name: fc.constant(name), x: number, y: number }),
      })),
    ),
    { maxLength: 60, size: 'max' },
  ),
})
