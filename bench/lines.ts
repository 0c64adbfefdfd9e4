// `id` is the number in the column `line` of the results. Related lines share a number.

export interface Line {
  readonly id: string
  readonly what: string
  readonly against: string
  readonly sense: 'at least' | 'at most'
  readonly reach: number
  readonly unit: 'x' | 'KiB' | 'ms'
}

const atLeast = (reach: number, id: string, what: string, against: string): Line => ({
  ...{ id, what, against, sense: 'at least', reach, unit: 'x' },
})
const atMost = (reach: number, unit: Line['unit'], id: string, what: string, against: string): Line => ({
  ...{ id, what, against, sense: 'at most', reach, unit },
})

const ownBosh = (server: string) => `${server}'s own BOSH endpoint`
const ownSocket = (server: string) => `${server}'s own WebSocket endpoint`
const sameProcess = 'one at the process that has the session'
const laterBy = 'p50 of such a round trip, one session alone, above that of the other'

export const lines = {
  warm: atLeast(1.2, '1', 'warms a second, plain link to Prosody, 10 at once', ownBosh('Prosody')),
  limit: atLeast(0.8, '2', 'the same', 'the raw login: the limit'),
  tls: atMost(0.3, 'x', '3', 'p50 of a warm over STARTTLS, one at a time', 'the raw login over STARTTLS'),
  chat: atLeast(2, '4', 'round trips a second, 50 sessions, a poll held, before Prosody', ownBosh('Prosody')),
  chatEjabberd: atLeast(1, '5', 'the same before ejabberd', ownBosh('ejabberd')),
  chatCpu: atMost(2, 'x', '6', 'CPU of the service for a round trip', 'two empty POSTs to a bare node:http server'),
  warmCpu: atMost(3, 'x', '7', 'CPU of the service for a warm', 'a bare node:http POST and a raw login from Node'),
  memoryAboveFloor: atMost(6, 'KiB', '8', 'memory of a held session, plain link', 'a script with only the connections'),
  mixed: atMost(2, 'x', '9', 'p99 of a round trip while 50 warms a second go on', 'the same without them'),
  socketChat: atLeast(1, '11', 'round trips a second over WebSocket, 50 sessions', ownSocket('Prosody')),
  socketEjabberd: atLeast(1, '11', 'the same before ejabberd', ownSocket('ejabberd')),
  socketCpu: atMost(0.6, 'x', '12', 'CPU of a round trip over WebSocket', 'its own over BOSH, as in line 6'),
  socketMemory: atMost(14, 'KiB', '13', 'memory of a held session over WebSocket, plain link', 'no other'),
  otherWorkerCpu: atMost(2.2, 'x', '15', 'CPU of a round trip through the other process, of both', sameProcess),
  otherWorkerLater: atMost(1, 'ms', '15', laterBy, sameProcess),
  apartCpu: atMost(4, 'x', '16', 'CPU of a round trip through another process over TLS, of both', sameProcess),
  apartLater: atMost(2, 'ms', '16', laterBy, sameProcess),
  workersWarm: atLeast(0.85, '17', 'warms a CPU second, two workers on one port', 'one process'),
  workersChat: atLeast(0.6, '17', 'round trips a CPU second, on connections placed at random', 'one process'),
  memoryAmongOthers: atMost(1.05, 'x', '18', 'memory of a held session beside another process', 'of one without'),
  recordsTrip: atMost(1.1, 'x', '19', 'CPU of a round trip with records, of all processes', 'without records'),
  recordsCpu: atMost(1.1, 'x', '19', 'the same with two messages a second of each session', 'without records'),
  recordsSparse: atMost(1.1, 'x', '19', 'the same with a message every five seconds', 'without records'),
} satisfies Record<string, Line>
