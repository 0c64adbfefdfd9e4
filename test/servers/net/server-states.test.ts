import { beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createServerStates, type ServerState, type ServerStates } from '../../../src/servers/net/server-states.js'
import type { Failure } from '../../../src/xmpp/link.js'
import { FakeClock } from '../../support/fake-clock.js'

const refused: Failure = {
  step: 'connect',
  code: 'remote-connection-failed',
  cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
}
const broken: Failure = { step: 'stream', code: 'remote-connection-failed' }
const stopping: Failure = { step: 'stream', code: 'remote-stream-error', condition: 'system-shutdown' }

let clock: FakeClock
let lines: Record<string, unknown>[]
let probes: string[]
let states: ServerStates
let state: ServerState

beforeEach(() => {
  clock = new FakeClock()
  lines = []
  probes = []
  const log = pino({ base: null, timestamp: false }, { write: line => void lines.push(JSON.parse(line)) })
  states = createServerStates({
    clock,
    log,
    hasEntry: domain => domain === 'example.org',
    isNamed: domain => domain === 'named.example',
    probe: domain => {
      probes.push(domain)
      if (domain === 'named.example') named().failed(refused, domain)
    },
  })
  state = states.ofEntry('example.org', 'xmpp.example.org:5222')!
})

const named = () => states.ofFound('named.example', 'h.example:5222')!
const shown = () => states.rows.map(({ labels: { domain, server }, isUp }) => `${domain} ${server} ${Number(isUp)}`)
const isUp = () => state.isUp

function lose(count: number, failure = broken): void {
  for (let lost = 0; lost < count; lost++) state.lost(failure, 'example.org')
}

describe('the state of a server', () => {
  test('is not forgotten during an attempt that begins after five minutes', () => {
    clock.advance(300_000)
    const dialled = states.ofEntry('example.org', 'xmpp.example.org:5222')!
    expect(shown()).toEqual([])
    dialled.failed(refused, 'example.org')
    expect(shown()).toEqual(['example.org xmpp.example.org:5222 0'])
    clock.advance(1_000)
    expect(lines).toMatchObject([{ msg: 'an XMPP server is down' }])
  })

  test.each(['service-full', 'local-ports-exhausted', 'internal-error'] as const)('is not down after %s', code => {
    state.reached()
    state.failed({ step: 'connect', code }, 'example.org')
    clock.advance(60_000)
    expect(isUp()).toBe(true)
    expect(lines).toEqual([])
  })

  test('is not down after the end of streams, because it may accept others', () => {
    state.reached()
    lose(1)
    lose(100, stopping)
    expect(isUp()).toBe(true)
  })

  test.each(['conflict', 'policy-violation', 'not-authorized'])(
    'with the error %s does not count a lost link',
    condition => {
      lose(10, { step: 'stream', code: 'remote-stream-error', condition })
      clock.advance(60_000)
      expect(lines).toEqual([])
    },
  )

  test('is probed every 30 s while it is down, if there are no other attempts', () => {
    state.failed(refused, 'example.org')
    clock.advance(29_999)
    state.failed(refused, 'example.org')
    clock.advance(29_999)
    expect(probes).toEqual([])
    clock.advance(60_001)
    expect(probes).toEqual(['example.org', 'example.org', 'example.org'])
    state.reached()
    clock.advance(60_000)
    expect(probes).toHaveLength(3)
  })

  test('is removed five minutes after the last attempt, unless it has links', () => {
    state.reached()
    clock.advance(299_999)
    expect(shown()).toEqual(['example.org xmpp.example.org:5222 1'])
    clock.advance(1)
    expect(shown()).toEqual([])
    state = states.ofEntry('example.org', 'xmpp.example.org:5222')!
    state.reached()
    state.links += 1
    clock.advance(3_600_000)
    expect(shown()).toHaveLength(1)
  })
})

describe('the log of server states', () => {
  test('has one line after a second, with count, cause and domain, then one a minute', () => {
    state.reached()
    lose(2000, stopping)
    state.failed(refused, 'example.org')
    expect(lines).toEqual([])
    clock.advance(1_000)
    expect(lines).toEqual([
      {
        ...{ level: 40, domain: 'example.org', server: 'xmpp.example.org:5222', lost: 2000, failed: 1 },
        ...{ step: 'connect', code: 'remote-connection-failed', cause: 'ECONNREFUSED' },
        msg: 'an XMPP server is down',
      },
    ])
    for (let second = 0; second < 60; second++) {
      expect(lines).toHaveLength(1)
      state.failed(refused, 'example.org')
      clock.advance(1_000)
    }
    expect(lines).toHaveLength(2)
    expect(lines[1]).toMatchObject({ level: 40, lost: 0, failed: 60 })
  })

  test('has a line when it is back, with the duration and the other failures', () => {
    state.failed(refused, 'example.org')
    clock.advance(30_000)
    state.failed(refused, 'example.org')
    clock.advance(15_000)
    state.reached()
    state.reached()
    expect(isUp()).toBe(true)
    clock.advance(120_000)
    expect(lines.slice(1)).toEqual([
      {
        ...{ level: 30, domain: 'example.org', server: 'xmpp.example.org:5222', lost: 0, failed: 1, seconds: 45 },
        msg: 'an XMPP server is back',
      },
    ])
  })

  test('has at most two lines a minute for a server that fails every second time', () => {
    for (let at = 0; at < 1200; at++) {
      state.failed(refused, 'example.org')
      clock.advance(50)
      state.reached()
      clock.advance(50)
    }
    clock.advance(60_000)
    expect(lines.length).toBeLessThanOrEqual(6)
    expect(lines.reduce((sum, { failed }) => sum + Number(failed), 0)).toBe(1200)
  })

  test('reports broken links even if the server is up again', () => {
    state.reached()
    lose(3)
    state.reached()
    clock.advance(1_000)
    expect(lines).toMatchObject([{ level: 40, msg: 'links to an XMPP server broke, or could not be made', lost: 3 }])
  })

  test('has no line after a stop', () => {
    state.failed(refused, 'example.org')
    states.close()
    clock.advance(60_000)
    expect(lines).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

describe('a server for all other domains', () => {
  beforeEach(() => {
    state = states.ofEntry('one.example', 'xmpp.example.org:5222')!
  })

  test('has one state, and the log line has the domain of the last failure', () => {
    expect(states.ofEntry('two.example', 'xmpp.example.org:5222')).toBe(state)
    state.failed(refused, 'xn--bcher-kva.example')
    clock.advance(1_000)
    expect(shown()).toEqual(['* xmpp.example.org:5222 0'])
    expect(lines).toMatchObject([{ domain: 'bücher.example' }])
  })

  test.each<[Failure['step'], Failure['code']]>([
    ['tls', 'certificate-invalid'],
    ['tls', 'remote-connection-failed'],
    ['features', 'remote-connection-failed'],
  ])('is not down because one of them fails at step %s with %s', (step, code) => {
    state.reached()
    state.failed({ step, code }, 'invented.example')
    clock.advance(60_000)
    expect(isUp()).toBe(true)
    expect(lines).toEqual([])
  })
})

test('a server from DNS has a state only if the settings name its domain, because users can invent names', () => {
  expect(states.ofFound('d1.example', 'h1.example:5222')).toBeUndefined()
  named().failed(refused, 'named.example')
  expect(shown()).toEqual(['named.example h.example:5222 0'])
  clock.advance(300_000)
  expect(probes).toHaveLength(10)
})
