// What is to be reached, line by line. A line with two demands has two entries.

export interface Line {
  readonly id: string
  readonly what: string
  readonly against: string
  readonly sense: 'at least' | 'at most'
  readonly reach: number
  /** Of `reach` and of the figure compared with it; `x` is a ratio. */
  readonly unit: 'x' | 'KiB' | 'ms' | 'lost'
}

const atLeast = (reach: number) => ({ sense: 'at least', reach, unit: 'x' }) as const
const atMost = (reach: number, unit: Line['unit'] = 'x') => ({ sense: 'at most', reach, unit }) as const

const ownEndpoint = (server: string) => `${server}'s own BOSH endpoint`
const ownSocket = (server: string) => `${server}'s own WebSocket endpoint`

export const lines = {
  warm: {
    id: '1',
    what: 'warms a second, plain link to Prosody, 10 at once',
    against: `${ownEndpoint('Prosody')}, logged in by a client`,
    ...atLeast(1.2),
  },
  limit: {
    id: '2',
    what: 'the same',
    against: 'the raw login: the limit',
    ...atLeast(0.8),
  },
  tls: {
    id: '3',
    what: 'p50 of a warm over STARTTLS (TLS 1.3) to Prosody, one at a time',
    against: 'the raw login over STARTTLS',
    ...atMost(0.3),
  },
  tlsNudged: {
    id: '3',
    what: 'the same',
    against: 'the raw login over STARTTLS, nudged',
    ...atMost(1.5),
  },
  chat: {
    id: '4',
    what: 'round trips a second, 50 sessions with a held poll each, before Prosody',
    against: ownEndpoint('Prosody'),
    ...atLeast(2),
  },
  chatSparing: {
    id: '4',
    what: 'the same, where a message is itself the next poll',
    against: ownEndpoint('Prosody'),
    ...atLeast(2),
  },
  chatEjabberd: {
    id: '5',
    what: 'the same before ejabberd',
    against: ownEndpoint('ejabberd'),
    ...atLeast(1),
  },
  chatCpu: {
    id: '6',
    what: 'CPU of the service for a round trip',
    against: 'two empty POSTs to a bare node:http server',
    ...atMost(2),
  },
  warmCpu: {
    id: '7',
    what: 'CPU of the service for a warm',
    against: 'a bare node:http POST and a raw login from Node',
    ...atMost(3),
  },
  memoryAboveFloor: {
    id: '8',
    what: 'memory of a held session, plain link',
    against: 'a script that holds one node:http request and one TCP socket each',
    ...atMost(6, 'KiB'),
  },
  memory: {
    id: '8',
    what: 'the same',
    against: 'no other',
    ...atMost(16, 'KiB'),
  },
  mixed: {
    id: '9',
    what: 'p99 of a round trip while 50 warms a second go on',
    against: 'the same without them',
    ...atMost(2),
  },
  soakLost: {
    id: '10',
    what: 'sessions held in one process, a message a minute each',
    against: 'sessions and messages lost',
    ...atMost(0, 'lost'),
  },
  soakLag: {
    id: '10',
    what: 'event loop lag meanwhile, p99',
    against: 'no other',
    ...atMost(50, 'ms'),
  },
  socketChat: {
    id: '11',
    what: 'round trips a second over WebSocket, 50 sessions, before Prosody',
    against: ownSocket('Prosody'),
    ...atLeast(1),
  },
  socketEjabberd: {
    id: '11',
    what: 'the same before ejabberd',
    against: ownSocket('ejabberd'),
    ...atLeast(1),
  },
  socketCpu: {
    id: '12',
    what: 'CPU of the service for a round trip over WebSocket',
    against: 'its own over BOSH, as in line 6',
    ...atMost(0.6),
  },
  socketMemory: {
    id: '13',
    what: 'memory of a held session over WebSocket, plain link',
    against: 'no other',
    ...atMost(14, 'KiB'),
  },
  pingLost: {
    id: '14',
    what: 'WebSockets that say nothing, with a ping every 30 s',
    against: 'sessions lost',
    ...atMost(0, 'lost'),
  },
  pingCpu: {
    id: '14',
    what: 'CPU of the service meanwhile, of one core',
    against: 'a bare ws server that pings as many at the same time',
    ...atMost(1.2),
  },
  otherWorkerCpu: {
    id: '15',
    what: 'CPU of a round trip through the other process of a machine, of both processes',
    against: 'one at the process that has the session',
    ...atMost(2.2),
  },
  otherWorkerLater: {
    id: '15',
    what: 'p50 of such a round trip, one session alone, above that of the other',
    against: 'one at the process that has the session',
    ...atMost(1, 'ms'),
  },
  natsCpu: {
    id: '16',
    what: 'CPU of a round trip through another process over NATS, of both, not of NATS',
    against: 'one at the process that has the session',
    ...atMost(4),
  },
  natsLater: {
    id: '16',
    what: 'p50 of such a round trip, one session alone, above that of the other',
    against: 'one at the process that has the session',
    ...atMost(2, 'ms'),
  },
  workersWarm: {
    id: '17',
    what: 'warms a CPU second, two workers on one port',
    against: 'one process',
    ...atLeast(0.85),
  },
  workersChat: {
    id: '17',
    what: 'round trips a CPU second, on connections placed at random',
    against: 'one process',
    ...atLeast(0.6),
  },
  memoryAmongOthers: {
    id: '18',
    what: 'memory of a held session where there is another process',
    against: 'where there is none',
    ...atMost(1.05),
  },
} as const satisfies Record<string, Line>

/** A line with what was measured. */
export interface Verdict extends Line {
  /** What the service did, in words, and what it is compared with did. */
  readonly value: string
  readonly base: string
  /** Compared with `reach`: the median of the rounds, and the lowest and highest of them. */
  readonly figure: number
  readonly low: number
  readonly high: number
  readonly reached: boolean
  /** What helps to understand it: CPU per operation of each process, or why less was measured than asked for. */
  readonly beside: readonly string[]
}

/** Judges a line by its figure in each round. */
export function judge(
  line: Line,
  figures: readonly number[],
  measured: { value: string; base?: string; beside?: readonly string[] },
): Verdict {
  const figure = median(figures)
  const { value, base = '', beside = [] } = measured
  return {
    ...line,
    value,
    base,
    figure,
    low: Math.min(...figures),
    high: Math.max(...figures),
    beside,
    reached: line.sense === 'at least' ? figure >= line.reach : figure <= line.reach,
  }
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2
}
