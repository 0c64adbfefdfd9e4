import { describe, expect, test } from '@jest/globals'
import {
  auth,
  BoshBench,
  create,
  empty,
  type FakeLink,
  message,
  request,
  terminated,
} from '../../support/bosh-bench.js'

/** With so many unsent bytes, the client may not send. */
const much = 300 * 1024
/** With so many unsent bytes, the session ends. */
const tooMuch = 9 * 1024 * 1024

describe('a server that reads nothing', () => {
  test('slows its client down, because replies are withheld, but not longer than `wait`', async () => {
    const client = await new BoshBench().warmed()
    client.link.backlog = much
    const [first, second] = [await client.next(message('one')), await client.next(message('two'))]
    expect([first.reply, second.reply]).toEqual([undefined, undefined])
    expect(client.link.sent).toEqual([message('one'), message('two')])
    client.link.backlog = 0
    await client.bench.server(({ events }) => events.onDrain?.())
    expect(first.reply?.body).toBe(empty)
    expect(second.reply).toBeUndefined()
    client.link.backlog = much
    const third = await client.next(message('three'))
    // The server may still send.
    await client.bench.server(link => link.receive(message('from the server')))
    expect(second.reply?.body).toContain(message('from the server'))
    await client.bench.pass(55)
    expect(third.reply?.body).toBe(empty)
  })

  test('ends the session if too much waits for it, with a log line and a count', async () => {
    const client = await new BoshBench().warmed()
    const poll = await client.next()
    client.link.backlog = tooMuch
    const last = await client.next(message('too many'))
    expect(poll.reply?.body).toBe(terminated('remote-stream-error'))
    expect(last.reply?.body).toBe(empty)
    expect(client.link.closed).toBe(true)
    expect(client.bench.registry.size).toBe(0)
    expect(client.bench.counts.sessionsEnded['connection-lost']).toBe(1)
    expect(client.bench.counts.refused.unsent).toBe(1)
  })

  test.each([
    ['much text', 'x'.repeat(15_000), 10],
    ['many elements', '', 600],
  ])('limits how much a polling client can send before the stream opens: %s', async (_what, text, most) => {
    const bench = new BoshBench()
    const creation = await bench.send(create("wait='0' hold='0' ver='1.6'"))
    await bench.pass(0.25)
    const sid = /sid='([^']+)'/.exec(creation.reply?.body ?? '')![1]!
    let reply: string | undefined = empty
    for (let rid = 701; reply === empty && rid <= 700 + most; rid++) {
      expect(bench.waiting.bytes).toBeLessThan(300_000)
      const polled = await bench.send(request(sid, rid, message(text)))
      await bench.pass(0.25)
      reply = polled.reply?.body
    }
    expect(reply).toBe(terminated('policy-violation'))
    expect([bench.registry.size, bench.waiting.bytes]).toEqual([0, 0])
    expect(bench.counts.refused.unsent).toBe(1)
  })

  test('gets stanzas that were sent before its features, and then they take no memory', async () => {
    const bench = new BoshBench()
    await bench.send(create(undefined, 700, auth + message('early')))
    expect(bench.waiting.bytes).toBeGreaterThan(2 * (auth + message('early')).length)
    await bench.server(link => link.open())
    expect(bench.link.sent).toEqual([auth + message('early')])
    // The reply with the features is stored.
    expect(bench.waiting.bytes).toBeLessThan(2048)
  })

  test('ends the session of a client that sends too much before its login', async () => {
    const client = await new BoshBench().session()
    client.link.backlog = much
    expect((await client.next(message('one'))).reply?.body).toBe(terminated('policy-violation'))
    expect(client.link.closed).toBe(true)
  })
})

test.each([
  ['stream features', (link: FakeLink) => link.open(`<x xmlns='urn:x'>${'x'.repeat(9000)}</x>`)],
  ['messages', (link: FakeLink) => link.receive(message('x'.repeat(9000)))],
])('a server that sends %s without end is read no further while its client fetches nothing', async (_what, send) => {
  const { link, bench } = await new BoshBench().session()
  for (let sent = 0; sent < 200 && !link.paused; sent++) await bench.server(send)
  expect(link.paused).toBe(true)
})

describe('servers that send to many sessions whose pages fetch nothing', () => {
  const mebi = 2 ** 20
  const mostWaiting = 8 * mebi
  const filled = message('x'.repeat(20_000))

  /** Warmed sessions without pages. */
  async function warmed(count: number) {
    const bench = new BoshBench({}, undefined, { mostWaiting })
    const clients = []
    for (let made = 0; made < count; made++) clients.push(await bench.warmed({ jid: `user${made}@chat.example/x` }))
    return { bench, clients }
  }

  /** Each server sends while it is read. */
  async function fill(clients: readonly { readonly link: FakeLink }[], times = 100) {
    for (let sent = 0; sent < times; sent++) {
      for (const { link } of clients) if (!link.paused && !link.closed) link.receive(filled)
      await null
    }
  }

  test('are read no further, with a lower limit the more waits in all, and nothing is lost', async () => {
    const { bench, clients } = await warmed(30)
    await fill(clients)
    expect(clients.every(({ link }) => link.paused && !link.closed)).toBe(true)
    expect(bench.waiting.bytes).toBeLessThan(mostWaiting)
    const first = await clients[0]!.next()
    expect(first.reply?.body).toContain(filled)
    expect(clients[0]!.link.paused).toBe(false)
    expect(bench.counts.sessionsEnded.limit).toBe(0)
  })

  test('lose the sessions with most waiting, and all of their memory, if that is not enough', async () => {
    const { bench, clients } = await warmed(300)
    // The last session has the fewest stanzas.
    const [small, ...large] = clients
    small!.link.receive(message('small'))
    await fill(large)
    expect(bench.waiting.bytes).toBeLessThanOrEqual(mostWaiting)
    const { limit } = bench.counts.sessionsEnded
    expect(limit).toBeGreaterThan(0)
    expect(bench.counts.refused.waiting).toBe(limit)
    expect(large.filter(({ link }) => link.closed)).toHaveLength(limit)
    expect(bench.logged.filter(line => line.includes('"setting":"MAX_MEMORY_MB"'))).toHaveLength(1)
    const reply = await small!.next()
    expect(reply.reply?.body).toContain(message('small'))
    bench.registry.endAllSilently()
    expect(bench.waiting.bytes).toBe(0)
  })

  test('lose the session whose stanza is incomplete, and its page gets the end', async () => {
    const { bench, clients } = await warmed(3)
    const poll = await clients[1]!.next()
    const { link } = clients[1]!
    link.unfinishedBytes = mostWaiting + 1
    bench.waiting.change(link.unfinishedBytes)
    await bench.pass(0)
    expect(poll.reply?.body).toBe(terminated('policy-violation'))
    expect(clients.map(client => client.link.closed)).toEqual([false, true, false])
  })

  test('lose the sessions whose stored replies take most', async () => {
    const { bench, clients } = await warmed(60)
    const large = message('x'.repeat(300_000))
    for (const client of clients.slice(1)) {
      const poll = await client.next()
      await bench.server(() => client.link.receive(large))
      expect(poll.reply?.body).toContain(large)
      expect(bench.waiting.bytes).toBeLessThanOrEqual(mostWaiting)
    }
    expect(bench.counts.sessionsEnded.limit).toBe(bench.counts.refused.waiting)
    expect(bench.counts.sessionsEnded.limit).toBeGreaterThan(40)
    expect(clients[0]!.link.closed).toBe(false)
    bench.registry.endAllSilently()
    expect(bench.waiting.bytes).toBe(0)
  })
})

describe('the memory of stored replies', () => {
  const large = message('x'.repeat(50_000))

  /** A page that has fetched stanzas `times` times. */
  async function fetched(times: number, mostWaiting?: number) {
    const bench = new BoshBench({}, undefined, mostWaiting === undefined ? {} : { mostWaiting })
    const client = await bench.warmed()
    for (let time = 0; time < times; time++) {
      const poll = await client.next()
      await bench.server(link => link.receive(large))
      expect(poll.reply?.body).toContain(large)
    }
    return { bench, client }
  }

  test('is free again after newer replies, another page, or the end', async () => {
    const { bench, client } = await fetched(5)
    const { bytes } = bench.waiting
    expect(bytes).toBeGreaterThan(3 * 2 * large.length)
    expect(bytes).toBeLessThan(4 * 2 * large.length)
    // The stanzas that may have been lost wait for the next page.
    const resumed = await bench.resume(client)
    expect(bench.waiting.bytes).toBeLessThan(4 * 2 * large.length)
    expect((await resumed.next()).reply?.body).toContain(large)
    await resumed.next('', "type='terminate'")
    expect([bench.registry.size, bench.waiting.bytes]).toEqual([0, 0])
  })

  test('holds only the last reply of a page while memory is short', async () => {
    const { bench } = await fetched(5, 256 * 1024)
    expect(bench.waiting.bytes).toBeLessThan(2 * 2 * large.length)
  })
})
