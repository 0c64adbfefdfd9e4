import { describe, expect, test } from '@jest/globals'
import {
  BoshBench,
  type Client,
  create,
  empty,
  FakePeer,
  lost,
  message,
  payload,
  terminated,
} from '../../support/bosh-bench.js'
import { cpuTime } from '../../support/cpu-time.js'
import { element } from '../../support/element.js'

const streamError =
  "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
const failure = { step: 'features', code: 'remote-stream-error', condition: 'conflict' } as const

test('a client may end its session with `terminal`, also one above the window', async () => {
  const { bench, client } = await BoshBench.session()
  await client.next()
  const { reply } = await client.next('', "type='terminal'")
  expect(reply?.body).toBe(empty)
  expect([bench.registry.size, bench.counts.failedRequests]).toEqual([0, 0])
})

describe('a server that ends the stream', () => {
  test.each([
    ['', 701],
    [' even if it is out of order', 702],
  ])('while no request is open ends the next request%s', async (_what, rid) => {
    const { bench, client } = await BoshBench.session()
    await bench.server(link => link.end(lost))
    expect(bench.registry.size).toBe(1)
    expect((await client.at(rid)).reply?.body).toBe(terminated('remote-connection-failed'))
    expect(bench.registry.size).toBe(0)
  })

  test.each([
    ['requests', false],
    ['broken requests', true],
  ])('ends the session by inactivity if only %s come, behind a missing one', async (_what, areBroken) => {
    const { bench, client } = await BoshBench.session()
    await bench.server(({ events }) => {
      events.onElement(element(message('last')))
      events.onEnd({ failure, streamError })
    })
    for (let seconds = 0; seconds < 160; seconds += 20) {
      const { peer } = await client.at(702)
      if (areBroken) peer.leave()
      await bench.pass(20)
    }
    expect(bench.registry.size).toBe(0)
  })
})

test('a client of the first version gets errors as an HTTP status, and the end of the stream as a body', async () => {
  for (const [attributes, status] of [
    ["pause='0'", 400],
    ["pause='1000'", 403],
  ] as const) {
    const client = await new BoshBench().session("wait='60' hold='1'")
    expect((await client.next('', attributes)).reply).toMatchObject({ status, body: '' })
  }
  const { bench, client } = await BoshBench.session("wait='60' hold='1'")
  await bench.server(link => link.end(lost))
  expect((await client.next()).reply).toMatchObject({ status: 200, body: terminated('remote-connection-failed') })
})

describe('a service that stops', () => {
  test('answers system-shutdown to open and later requests, after queued stanzas, and to new sessions', async () => {
    const bench = new BoshBench()
    const [holding, silent] = [await bench.session(), await bench.session()]
    await bench.server(link => link.receive(message('queued')))
    const poll = await holding.next()
    const asked = bench.send(create())
    bench.manager.shutDown()
    await bench.pass(0)
    expect(poll.reply?.body).toBe(terminated('system-shutdown'))
    expect((await silent.next()).reply?.body).toBe(payload(message('queued')))
    expect((await silent.next()).reply?.body).toBe(terminated('system-shutdown'))
    for (const { reply } of [await asked, await bench.send(create())])
      expect(reply?.body).toBe(terminated('system-shutdown'))
    expect(bench.links.map(({ closed }) => closed)).toEqual([true, true])
    // Of the new sessions.
    expect(bench.counts.failedRequests).toBe(2)
  })

  test('makes users go offline at once, and returns stanzas that their pages never fetch', async () => {
    const bench = new BoshBench()
    const [empty, waiting] = [await bench.session(), await bench.session()]
    const letter = `<message xmlns='jabber:client' from='romeo@chat.example/a' id='m'><body>wherefore</body></message>`
    await bench.server(() => waiting.link.receive(letter))
    bench.manager.shutDown()
    expect([empty, waiting].map(({ link }) => link.closed)).toEqual([true, false])
    bench.registry.endAllSilently()
    expect(waiting.link.closed).toBe(true)
    expect(waiting.link.sent).toHaveLength(1)
    expect(waiting.link.sent[0]).toContain("type='error' to='romeo@chat.example/a' id='m'><error type='wait'>")
    expect((await waiting.next()).reply?.body).toBe(terminated('system-shutdown'))
  })

  test('rejects logins under way, and new logins', async () => {
    const bench = new BoshBench()
    const login = bench.login()
    bench.manager.shutDown()
    expect(login.end?.failure.code).toBe('shutting-down')
    expect(bench.link.closed).toBe(true)
    expect(() => bench.login()).toThrow(
      expect.objectContaining({ step: 'connect', code: 'shutting-down' }) as unknown as Error,
    )
  })
})

describe('a request too large to be read', () => {
  test('is refused in time proportional to its length', () => {
    const { manager } = new BoshBench()
    for (const piece of ['<body', '<body ', ' sid', " sid='", '<body sid=', "<body a='' "]) {
      const started = cpuTime()
      expect(manager.refuseTooLarge(piece.repeat(40_000), new FakePeer())).toBeUndefined()
      expect(cpuTime() - started).toBeLessThan(1_000)
    }
  })

  test('without a session has no effect', async () => {
    const { bench } = await BoshBench.session()
    expect(bench.manager.refuseTooLarge("<body rid='1' sid='unknown'", new FakePeer())).toBeUndefined()
    expect(bench.registry.size).toBe(1)
  })
})

test('a request that is no BOSH body does not end its session, which accepts the same rid again', async () => {
  const { bench, client } = await BoshBench.session()
  const rid = client.rid + 1
  const broken = await bench.send(`<body rid='${rid}' sid='${client.sid}'>${message('\u000b')}</body>`)
  expect(broken.reply?.body).toBe(terminated('bad-request'))
  await client.next(message('repaired'))
  expect([bench.registry.size, client.link.sent.length]).toEqual([1, 1])
  expect(client.rid).toBe(rid)
})

test.each<[string, (client: Client) => Promise<{ peer: FakePeer }>]>([
  ['An attribute is wrong', client => client.next('', "pause='soon'")],
  ['The pause is longer than 300 s.', client => client.next('', "pause='999'")],
  ['The rid is too high', client => client.at(client.rid + 9)],
  ['The rid is too old', client => client.at(1)],
  ['A restart follows the login', client => client.next('', "restart='true'")],
  ['A client cannot negotiate TLS', client => client.next("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")],
  ['MAX_STANZA_BYTES', client => client.next(message('x'.repeat(270_000)))],
])('who ends a session by a wrong request reads why, and so does the operator: %s', async (sentence, end) => {
  const { bench, client } = await BoshBench.session()
  const { peer } = await end(client)
  expect(peer.sentence).toContain(sentence)
  expect(bench.logged.filter(line => line.includes('ended its session')).join()).toContain(sentence)
})

test('a request that is empty or not UTF-8 is told so', async () => {
  const { peer } = await new BoshBench().send('')
  expect(peer.sentence).toBe('The request is no BOSH body: it is empty, or not UTF-8.')
})
