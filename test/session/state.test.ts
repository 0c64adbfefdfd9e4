import { describe, expect, test } from '@jest/globals'
import { type Cause, change, type State, transitions } from '../../src/session/state.js'
import { BoshBench } from '../support/bosh-bench.js'

const handover = { seconds: 120, attachBinding: 'off' } as const
const jid = 'juliet@chat.example/balcony'
const states: Record<State['name'], State> = {
  opening: { name: 'opening', login: undefined },
  waiting: { name: 'waiting', jid, ticket: undefined },
  live: { name: 'live', jid, sendsEvents: true },
  ended: { name: 'ended', outcome: { reason: 'logout' }, isRemoved: false, last: undefined },
}
const causes = [...new Set(transitions.map(({ cause }) => cause))]

test.each(causes.flatMap(cause => Object.values(states).map((from): [Cause, State] => [cause, from])))(
  'the cause %s changes a state only if the table allows it: $name',
  (cause, from) => {
    for (const to of Object.values(states)) {
      const isInTable = transitions.some(row => row.from === from.name && row.cause === cause && row.to === to.name)
      if (isInTable) expect(change(from, cause, to)).toBe(to)
      else expect(() => change(from, cause, to)).toThrow('no transition')
    }
  },
)

test('no cause leads out of the state ended', () => {
  expect(transitions.filter(({ from, to }) => from === 'ended' && (to as string) !== 'ended')).toEqual([])
})

describe('a session', () => {
  test('is opening, waits for its page, is live, waits for the next page, and ends once', async () => {
    const bench = new BoshBench()
    const login = bench.login()
    const session = bench.registry.byId(login.opening.id)!
    const seen: unknown[] = [session.state, session.stage.wait !== undefined]
    const first = await bench.handOver(login)
    seen.push(session.state, session.stage.wait !== undefined)
    await first.next()
    seen.push(session.state, session.stage.wait !== undefined)
    await bench.resume(first)
    seen.push(session.state, session.stage.wait !== undefined)
    session.end('logout', 'loggedOut')
    session.end('inactivity', 'silent')
    seen.push(session.state, session.isRemoved)
    expect(seen).toEqual(['opening', false, 'waiting', true, 'held', false, 'waiting', true, 'ended', true])
    expect(bench.counts.sessionsEnded).toMatchObject({ logout: 1, inactivity: 0 })
  })

  test('that has ended cannot be resumed, and keeps its reason', async () => {
    const bench = new BoshBench()
    const client = await bench.warmed()
    const session = bench.registry.byId(client.id)!
    session.end('shutdown', 'afterDelivery')
    expect(session.resume(handover)).toBeUndefined()
    session.end('logout', 'loggedOut')
    expect(bench.counts.sessionsEnded).toMatchObject({ shutdown: 1, logout: 0 })
    expect(() => session.stage.spendTicket()).not.toThrow()
  })

  test('cannot be resumed during its login, and its login ends only once', async () => {
    const bench = new BoshBench()
    const login = bench.login()
    const session = bench.registry.byId(login.opening.id)!
    expect(session.resume(handover)).toBeUndefined()
    await bench.handOver(login)
    await expect(login.opening.handOver('juliet@chat.example/x', [], handover)).rejects.toThrow(
      'no transition from waiting to waiting by handover',
    )
  })
})
