import { describe, expect, test } from '@jest/globals'
import { BoshBench } from '../support/bosh-bench.js'

const handover = { seconds: 120, attachBinding: 'off' } as const

describe('a session', () => {
  test('is opening, waits for its page, is live, waits for the next page, and ends once', async () => {
    const bench = new BoshBench()
    const login = bench.login()
    const session = bench.registry.byId(login.opening.id)!
    const seen: unknown[] = [session.view.state, session.stage.isAwaited]
    const first = await bench.handOver(login)
    seen.push(session.view.state, session.stage.isAwaited)
    await first.next()
    seen.push(session.view.state, session.stage.isAwaited)
    await bench.resume(first)
    seen.push(session.view.state, session.stage.isAwaited)
    session.end('logout', 'loggedOut')
    session.end('inactivity', 'silent')
    seen.push(session.view.state, session.isRemoved)
    expect(seen).toEqual(['opening', false, 'waiting', true, 'held', false, 'waiting', true, 'ended', true])
    expect(bench.counts.sessionsEnded).toMatchObject({ logout: 1, inactivity: 0 })
  })

  test('that has ended cannot be resumed, and keeps its reason', async () => {
    const { bench, client } = await BoshBench.warmed()
    const session = bench.registry.byId(client.id)!
    session.end('shutdown', 'afterDelivery')
    expect(session.resume(handover)).toBeUndefined()
    session.end('logout', 'loggedOut')
    expect(bench.counts.sessionsEnded).toMatchObject({ shutdown: 1, logout: 0 })
    expect(() => session.stage.spendTicket()).not.toThrow()
  })
})
