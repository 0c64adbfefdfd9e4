import { describe, expect, test } from '@jest/globals'
import { heldRequests } from '../../../src/browsers/bosh/connection-manager.js'
import type { EndReason } from '../../../src/lib/counts.js'
import { saslNamespace } from '../../../src/xmpp/namespaces.js'
import { BoshBench, body, type Client, create, type FakeLink, lost, message } from '../../support/bosh-bench.js'

const streamError = (condition: string) => ({
  failure: { step: 'features', code: 'remote-stream-error', condition } as const,
  streamError: '<stream:error/>',
})

/** Numbers of ended sessions, by reason. */
const endsOf = ({ counts }: BoshBench) =>
  Object.fromEntries(Object.entries(counts.sessionsEnded).filter(([, count]) => count > 0))

describe('a session that ends is counted by its reason:', () => {
  /** A request is held. */
  const whileHeld = (act: (link: FakeLink) => void) => async (bench: BoshBench, client: Client) => {
    await client.next()
    await bench.server(act)
  }
  const cases: [EndReason, string, (bench: BoshBench, client: Client) => unknown][] = [
    ['client', 'its client ends it', (_, client) => client.next('', "type='terminate'")],
    ['inactivity', 'no request comes', bench => bench.pass(151)],
    ['logout', 'an admin ends it', (bench, client) => bench.registry.byId(client.id)?.end('logout', 'loggedOut')],
    ['item-not-found', 'a rid is out of reach', (_, client) => client.at(client.rid + 9)],
    ['bad-request', 'a request makes no sense', (_, client) => client.next('', "pause='soon'")],
    ['policy-violation', 'a pause is too long', (_, client) => client.next('', "pause='999'")],
    ['replaced', 'the server has a new client for its JID', whileHeld(link => link.end(streamError('conflict')))],
    ['stream-error', 'the server ends the stream', whileHeld(link => link.end(streamError('system-shutdown')))],
    ['connection-lost', 'the server hangs up', whileHeld(link => link.end(lost))],
    [
      'connection-lost',
      'the server hangs up, and its client is not there to be told',
      async bench => {
        await bench.server(link => link.end(lost))
        await bench.pass(151)
      },
    ],
    ['shutdown', 'the service stops', (bench, client) => client.next().then(() => bench.manager.shutDown())],
  ]
  test.each(cases)('%s, where %s', async (reason, _what, act) => {
    const { bench, client } = await BoshBench.session()
    await act(bench, client)
    expect(endsOf(bench)).toEqual({ [reason]: 1 })
    expect(bench.registry.size).toBe(0)
    expect(bench.counts.sessionsCreated).toEqual({ client: 1, warmed: 0, 'taken-up': 0 })
  })
})

describe('a stream that fails before its user is logged in', () => {
  test('is counted by step and code, a later end is not', async () => {
    const bench = new BoshBench()
    await bench.send(create())
    await bench.server(link => link.end({ failure: { step: 'tls', code: 'certificate-invalid' } }))
    await bench.session()
    await bench.server(link => link.bind())
    await bench.server(link => link.end(lost))
    await bench.warmed()
    await bench.server(link => link.end(lost))
    expect([...bench.counts.linkFailures]).toEqual([[['tls', 'certificate-invalid'], 1]])
  })

  test.each(['browser', 'login'] as const)('counts a login of a %s that the server refuses', async kind => {
    const bench = new BoshBench()
    if (kind === 'login') bench.login()
    else await bench.session()
    for (const condition of ['not-authorized', 'aborted', 'aborted'])
      await bench.server(link => link.say(`<failure xmlns='${saslNamespace}'><${condition}/></failure>`))
    await bench.server(link => link.say("<failure xmlns='urn:other'/>"))
    expect([...bench.counts.linkFailures]).toEqual([
      [['sasl', 'not-authorized'], 1],
      [['sasl', 'login-failed'], 2],
    ])
  })
})

describe('requests are counted:', () => {
  test('replays and refused repetitions', async () => {
    const { bench, client } = await BoshBench.session()
    const held = await client.next()
    await bench.server(link => link.receive(message('hello')))
    expect(held.reply?.body).toContain('hello')
    await client.at(client.rid)
    await client.at(client.rid)
    expect(bench.counts.replays).toBe(2)
    await client.at(client.rid - 9)
    expect([bench.counts.replays, bench.counts.failedRequests]).toEqual([2, 1])
  })

  test('requests that got no answer from the server in time, and requests with a gap before them', async () => {
    const { bench, client } = await BoshBench.session()
    await client.next()
    await bench.pass(55)
    expect(bench.counts).toMatchObject({ waitTimeouts: 1, gapTimeouts: 0 })
    await client.at(client.rid + 2)
    await bench.pass(31)
    expect(bench.counts).toMatchObject({ waitTimeouts: 1, gapTimeouts: 1, failedRequests: 0 })
  })

  test('requests without a session or for an unknown path do not count', async () => {
    const bench = new BoshBench()
    await bench.send(body("rid='1' sid='nobody'"))
    for (const to of ['elsewhere.example', 'gone.example', '@']) await bench.send(create().replace('chat.example', to))
    await bench.send('no body at all')
    expect(bench.counts).toMatchObject({ unknownSids: 1, unknownHosts: 3, failedRequests: 5, faults: 0 })
  })
})

test('requests that are held are counted, with the age of the oldest', async () => {
  const bench = new BoshBench()
  expect(heldRequests(bench.registry.all())).toMatchObject({ heldRequests: 0, heldSince: undefined })
  const [one, two] = [await bench.session("wait='60' hold='2' ver='1.6'"), await bench.session()]
  await bench.pass(5)
  await two.next()
  await bench.pass(5)
  await one.next()
  expect(heldRequests(bench.registry.all())).toMatchObject({ heldRequests: 2, heldSince: 5_000 })
  await bench.pass(10)
  await two.next(message('one more'))
  expect(heldRequests(bench.registry.all())).toMatchObject({ heldRequests: 2, heldSince: 10_000 })
})

test('sessions are counted by state, as they are listed', async () => {
  const bench = new BoshBench()
  const opened = async (jid: string) => {
    const client = await bench.session()
    await bench.server(link => link.bind(jid))
    return client
  }
  await bench.send(create())
  await bench.warmed()
  const one = await opened('one@chat.example/1')
  // The first request gets the JID.
  await one.next()
  await one.next()
  await opened('two@chat.example/2')
  await (await opened('three@chat.example/3')).next('', "pause='60'")
  await opened('four@chat.example/4')
  await bench.server(link => link.end(lost))
  const states = bench.registry.states()
  expect(states).toEqual({ opening: 1, waiting: 1, held: 1, quiet: 1, paused: 1, ended: 1, elsewhere: 0 })
  const listed = [...bench.registry.list()].map(({ state }) => state)
  for (const [state, count] of Object.entries(states)) expect(listed.filter(each => each === state)).toHaveLength(count)
})
