// What can happen to a session, as data: a list of it can be printed, run again and made shorter.
import type { Random } from '../support/random.js'
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
  /** Whether pages may come over WebSocket, too. */
  readonly hasSockets: boolean
}

export function randomSetting(random: Random): Setting {
  const maxRequests = random.pick([2, 3])
  return {
    wait: random.pick([0, 5, 60]),
    hold: random.pick([0, 1, 2]),
    acks: random.chance(0.4),
    keys: random.chance(0.3),
    legacy: random.chance(0.1),
    sasl2: random.chance(0.6),
    maxRequests,
    isPrompt: random.chance(0.8),
    hasSockets: random.chance(0.6),
  }
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

/** What comes to that where pages may come over WebSocket. */
const socketWeights = {
  ...weights,
  resume: 9,
  /** A page shows a token and takes the session over, or stops in the middle of it and goes on later. */
  attachSocket: 12,
  halfway: 2,
  goOn: 3,
  /** It shows one that is used, or was never any. */
  wrongToken: 1,
  /** It sends stanzas; what it sent arrives; it reads, and says so if it is asked. */
  socketSend: 14,
  socketArrive: 12,
  socketRead: 14,
  /** Its connection breaks. */
  cut: 5,
  /** It does not read for a while, or the server does not. */
  stall: 3,
  slow: 2,
  /** One from before sends something. */
  staleSocket: 2,
  socketClose: 0.4,
} as const

export type Name = keyof typeof socketWeights

export function randomCommands(random: Random, hasSockets: boolean): Command[] {
  const among: Partial<Record<Name, number>> = hasSockets ? socketWeights : weights
  const names = Object.keys(among) as Name[]
  const total = names.reduce((sum, name) => sum + among[name]!, 0)
  const commands: Command[] = []
  for (let left = 10 + random.below(50); left > 0; left--) {
    let place = random.next() * total
    let name = names[0]!
    for (const each of names) {
      name = each
      place -= among[each]!
      if (place < 0) break
    }
    commands.push({ name, x: random.below(1000), y: random.below(1000) })
  }
  return commands
}

/** The shortest list of these commands, in their order, that still fails. */
export async function shorten(
  commands: readonly Command[],
  fails: (fewer: readonly Command[]) => Promise<boolean>,
): Promise<readonly Command[]> {
  let shortest = commands
  for (let size = Math.ceil(commands.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < shortest.length; ) {
      const fewer = [...shortest.slice(0, at), ...shortest.slice(at + size)]
      if (await fails(fewer)) shortest = fewer
      else at += size
    }
  }
  return shortest
}

export function print(commands: readonly Command[]): string {
  return commands.map(({ name, x, y }) => `  ${name} ${x} ${y}`).join('\n')
}
