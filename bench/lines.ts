export interface Line {
  readonly what: string
  readonly against: string
  readonly sense: 'at least' | 'at most'
  readonly reach: number
  readonly unit: 'x' | 'KiB' | 'ms'
}

const atLeast = (reach: number, what: string, against: string): Line => ({
  ...{ what, against, sense: 'at least', reach, unit: 'x' },
})
const atMost = (reach: number, unit: Line['unit'], what: string, against: string): Line => ({
  ...{ what, against, sense: 'at most', reach, unit },
})

const ownBosh = (server: string) => `${server}'s own BOSH endpoint`
const ownSocket = (server: string) => `${server}'s own WebSocket endpoint`
const sameProcess = 'at the process that has the session'
const laterBy = 'p50 of a round trip, one session alone'

export const lines = {
  warm: atLeast(1.2, 'warms a second, plain link to Prosody, 10 at once', ownBosh('Prosody')),
  limit: atLeast(0.8, 'warms a second, plain link to Prosody, 10 at once', 'the raw login: the limit'),
  tls: atMost(0.3, 'x', 'p50 of a warm over STARTTLS, one at a time', 'the raw login over STARTTLS'),
  chat: atLeast(2, 'round trips a second, 50 sessions, a poll held, before Prosody', ownBosh('Prosody')),
  chatEjabberd: atLeast(1, 'round trips a second, 50 sessions, before ejabberd', ownBosh('ejabberd')),
  chatCpu: atMost(2, 'x', 'CPU of the service for a round trip', 'two empty POSTs to a bare node:http server'),
  warmCpu: atMost(3, 'x', 'CPU of the service for a warm', 'a bare node:http POST and a raw login from Node'),
  memoryAboveFloor: atMost(6, 'KiB', 'memory of a held session, plain link', 'a script with only the connections'),
  mixed: atMost(2, 'x', 'p99 of a round trip while 50 warms a second go on', 'the same without them'),
  socketChat: atLeast(1, 'round trips a second over WebSocket, before Prosody', ownSocket('Prosody')),
  socketEjabberd: atLeast(1, 'round trips a second over WebSocket, before ejabberd', ownSocket('ejabberd')),
  socketCpu: atMost(0.6, 'x', 'CPU of a round trip over WebSocket', 'its own over BOSH, a poll held'),
  socketMemory: atMost(14, 'KiB', 'memory of a held session over WebSocket, plain link', ''),
  otherWorkerCpu: atMost(2.2, 'x', 'CPU of a round trip through the other process, of both', sameProcess),
  otherWorkerLater: atMost(1, 'ms', `${laterBy}, through the other process`, sameProcess),
  apartCpu: atMost(4, 'x', 'CPU of a round trip through another process over TLS, of both', sameProcess),
  apartLater: atMost(2, 'ms', `${laterBy}, through another process over TLS`, sameProcess),
  workersWarm: atLeast(0.7, 'warms a CPU second, two workers on one port', 'two processes apart'),
  memoryElsewhere: atMost(2.2, 'x', 'memory of a session that is held at the other process, of both', sameProcess),
  recordsTrip: atMost(1.1, 'x', 'CPU of a round trip with records, of all processes', 'without records'),
  recordsCpu: atMost(1.1, 'x', 'CPU with records, two messages a second of each session', 'without records'),
  recordsSparse: atMost(1.1, 'x', 'CPU with records, a message every five seconds of each', 'without records'),
} satisfies Record<string, Line>
