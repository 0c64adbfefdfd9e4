// The events that a portal gets.
import { describe, expect, test } from '@jest/globals'
import { attachPage, newToken } from '../browsers/websocket/pages.js'
import { BoshBench, type Client, lost, message } from '../support/bosh-bench.js'

const conflict = {
  failure: { step: 'features', code: 'remote-stream-error', condition: 'conflict' },
  streamError: '<stream:error/>',
} as const

/** `told` has the sent events. */
function benchOf() {
  const told: string[] = []
  const bench = new BoshBench({}, undefined, {
    issuesTickets: true,
    tellEvent(type, { jid, domain }, reason) {
      expect([jid, domain]).toEqual(['juliet@chat.example/balcony', 'chat.example'])
      told.push(`${type.replace('session.', '')}${reason === undefined ? '' : `: ${reason}`}`)
    },
  })
  return { bench, told, warmed: () => bench.warmed() }
}

describe('the event session.attached is sent', () => {
  test('over BOSH: once, with the first of its requests', async () => {
    const { told, warmed } = benchOf()
    const client = await warmed()
    expect(told).toEqual([])
    await client.next(message('one'))
    expect(told).toEqual(['attached'])
    await client.next(message('two'))
    await client.next('', "pause='60'")
    await client.next()
    expect(told).toEqual(['attached'])
  })

  test('over WebSocket: when it has the session, not when it shows its token', async () => {
    const { bench, told, warmed } = benchOf()
    const { token } = await warmed()
    const socket = attachPage(bench, token!)
    expect(told).toEqual(['attached'])
    socket.receive(message('one'))
    expect(told).toEqual(['attached'])
  })

  test('again, after each resumption by another page', async () => {
    const { bench, told, warmed } = benchOf()
    const first = await warmed()
    await first.next()
    const second = await bench.resume(first)
    expect(told).toEqual(['attached', 'resumed'])
    // The previous page is locked out.
    await first.next()
    expect(told).toEqual(['attached', 'resumed'])
    await second.next()
    attachPage(bench, await newToken(bench, second))
    expect(told).toEqual(['attached', 'resumed', 'attached', 'resumed', 'attached'])
  })

  test.each<[string, (client: Client) => Promise<unknown>]>([
    ['with a rid outside the window', client => client.at(client.rid + 99)],
    ['ahead of its first request', client => client.at(client.rid + 2)],
  ])('not %s', async (_what, act) => {
    const { told, warmed } = benchOf()
    await act(await warmed())
    expect(told.filter(event => event === 'attached')).toEqual([])
  })
})

test.each<[string, string, (bench: BoshBench, client: Client) => unknown]>([
  ['after inactivity', 'inactivity', bench => bench.pass(301)],
  ['when the page ends the session', 'client', (_bench, client) => client.next('', "type='terminate'")],
  ['when the page breaks the protocol', 'item-not-found', (_bench, client) => client.at(client.rid + 99)],
  ['when an admin ends the session', 'logout', (bench, { id }) => bench.sessions.end(id)],
  ['when the server is lost', 'connection-lost', bench => bench.server(link => link.end(lost))],
  ['when another session takes the resource', 'replaced', bench => bench.server(link => link.end(conflict))],
  [
    'when the service stops, even if an admin ends the session then',
    'shutdown',
    (bench, { id }) => {
      bench.registry.shutDown()
      return bench.sessions.end(id)
    },
  ],
  [
    'after a fault, once',
    'fault',
    (bench, { id }) => {
      const session = bench.registry.byId(id)!
      for (const fault of ['x', 'y']) session.fail(new Error(fault))
      session.end('client', 'silent')
    },
  ],
])('the event session.ended is sent %s', async (_when, reason, act) => {
  const { bench, told, warmed } = benchOf()
  const client = await warmed()
  await client.next()
  await act(bench, client)
  expect(told).toEqual(['attached', `ended: ${reason}`])
  expect(bench.registry.size).toBe(0)
})

describe('no event is sent', () => {
  test('for a login that fails, is cancelled, or only checks credentials', async () => {
    const { bench, told } = benchOf()
    bench.login()
    await bench.server(link => link.end(lost))
    bench.login().opening.abandon()
    bench.login()
    bench.registry.shutDown()
    expect(bench.counts.sessionsEnded.login).toBe(3)
    expect(told).toEqual([])
  })

  test('for a session whose caller disconnects before the response', async () => {
    const { bench, told } = benchOf()
    const login = bench.login()
    await login.opening.handOver('juliet@chat.example/balcony', [], { seconds: 120, attachBinding: 'off' })
    login.opening.abandon()
    expect(Object.entries(bench.counts.sessionsEnded).filter(([, ended]) => ended > 0)).toEqual([['unclaimed', 1]])
    expect([bench.registry.size, bench.link.closed]).toEqual([0, true])
    expect(told).toEqual([])
  })

  test('for a session that a client opened itself, until a backend resumes it for a page', async () => {
    const { bench, told } = benchOf()
    const own = await bench.session()
    await bench.server(link => link.bind())
    await own.next()
    const left = await bench.session()
    await bench.server(link => link.bind())
    await left.next('', "type='terminate'")
    expect(told).toEqual([])
    const page = await bench.resume(own)
    await page.next()
    await bench.sessions.end(page.id)
    expect(told).toEqual(['resumed', 'attached', 'ended: logout'])
  })
})
