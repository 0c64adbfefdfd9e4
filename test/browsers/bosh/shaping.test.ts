import { describe, expect, test } from '@jest/globals'
import { BoshBench, type Client, empty, errorReply, FakePeer, message } from '../../support/bosh-bench.js'

const sized = (name: string, bytes: number) => message(name.padEnd(bytes - message('').length, '.'))

const byteRate = { sessionBytes: 100, sessionBurst: 1_000 }

/** A session whose client may send 1,000 bytes at once and 100 in a second. */
async function shaped(attributes?: string) {
  const bench = new BoshBench({ maxRequests: 3 }, undefined, { byteRate })
  const client = await bench.session(attributes, 700, new FakePeer(), '')
  return { bench, client, sent: () => sentBy(client) }
}

/** The names of the messages that the server received. */
const sentBy = ({ link }: Client) => link.sent.map(text => /<body>(\w+)/.exec(text)?.[1] ?? '')

/** One request is held. Another has used up the rate limit, so further requests wait. */
async function inDebt(attributes?: string) {
  const { bench, client, sent } = await shaped(attributes)
  await client.next(sized('a', 1_500))
  return { bench, client, sent }
}

describe('a client that sends too much', () => {
  test('waits with the next request until the server may have more, and nothing is lost', async () => {
    const { bench, client, sent } = await inDebt()
    const next = await client.next(sized('b', 200))
    expect(sent()).toEqual(['a'])
    await bench.pass(4.5)
    expect(sent()).toEqual(['a'])
    await bench.pass(1)
    expect(sent()).toEqual(['a', 'b'])
    expect(bench.counts.refused['session-bytes']).toBeGreaterThan(0)
    expect(next.reply).toBeUndefined()
  })

  test('is counted in bytes, also with characters outside ASCII', async () => {
    const { bench, client } = await shaped()
    await client.next(message('é€😀'.repeat(160)))
    const bytes = Buffer.byteLength(client.link.sent[0]!)
    await client.next(sized('b', 200))
    await bench.pass((bytes - 1_000) / 100 - 1)
    expect(client.link.sent).toHaveLength(1)
    await bench.pass(2)
    expect(client.link.sent).toHaveLength(2)
  })

  test('waits with an empty request too, and with the end of its session', async () => {
    const { bench, client } = await inDebt("wait='60' hold='1'")
    const poll = await client.next()
    const end = await client.next('', "type='terminate'")
    expect(client.link.closed).toBe(false)
    await bench.pass(5.25)
    expect(client.link.closed).toBe(true)
    expect([poll.reply?.body, end.reply?.body]).toEqual([empty, empty])
  })

  test('gets the server’s stanzas on its earlier request while a later request waits', async () => {
    const { bench, client } = await shaped()
    const held = await client.next(sized('a', 1_500))
    await client.next(sized('b', 10))
    await bench.server(link => link.receive(message('hello')))
    expect(held.reply?.body).toContain('hello')
  })

  test('gets no error for a gap while earlier requests wait for their turn', async () => {
    const { bench, client, sent } = await shaped("wait='20' hold='1'")
    await client.next(sized('a', 15_000))
    const [second, third] = [await client.next(sized('b', 15_000)), await client.next(sized('c', 100))]
    // The second message waits for 25 s, and the third for 25 s more.
    await bench.pass(25.25)
    expect(sent()).toEqual(['a', 'b'])
    await bench.pass(25.25)
    expect(sent()).toEqual(['a', 'b', 'c'])
    expect([second.reply?.body, third.reply?.body]).toEqual([empty, empty])
  })

  test('still gets an error for a request after a real gap', async () => {
    const { bench, client } = await inDebt("wait='60' hold='2' ver='1.6'")
    await client.next(sized('b', 10))
    const early = await client.at(client.rid + 2, message('late'))
    await bench.pass(30.25)
    expect(early.reply?.body).toBe(errorReply)
  })

  test('may repeat a waiting request, also after it has disconnected: its payload is sent once', async () => {
    const { bench, client, sent } = await inDebt()
    const first = await client.next(sized('b', 10))
    const again = await client.at(client.rid, sized('b', 10))
    expect([first.reply?.body, again.reply]).toEqual([errorReply, undefined])
    again.peer.leave()
    await bench.pass(6)
    expect(sent()).toEqual(['a'])
    await client.at(client.rid, sized('b', 10))
    expect(sent()).toEqual(['a', 'b'])
  })

  test('may repeat a request whose payload was sent meanwhile', async () => {
    const { bench, client, sent } = await inDebt()
    const first = await client.next(sized('b', 10))
    bench.clock.advance(5_100)
    const again = await client.at(client.rid, sized('b', 10))
    await bench.pass(1)
    const third = await client.next(sized('c', 10))
    expect(sent()).toEqual(['a', 'b', 'c'])
    expect([first, again, third].map(({ reply }) => reply?.body)).toEqual([errorReply, empty, undefined])
  })

  test('loses no waiting stanzas when another page resumes the session, and the new page has no debt', async () => {
    const bench = new BoshBench({}, undefined, { byteRate })
    const client = await bench.warmed()
    await client.next(sized('a', 1_500))
    const waiting = await client.next(sized('b', 5_000))
    const page = await bench.resume(client)
    expect(waiting.reply?.body).toBe(empty)
    // With the last used rid, as half of all libraries do.
    await page.at(page.rid, sized('c', 10))
    expect(sentBy(client)).toEqual(['a', 'b', 'c'])
  })

  test('does not count as inactive while a request waits, also if it polls', async () => {
    const bench = new BoshBench({ inactivity: 5 }, undefined, { byteRate: { sessionBytes: 100, sessionBurst: 0 } })
    const client = await bench.session("wait='0' hold='0'", 700, new FakePeer(), '')
    await client.next(sized('a', 2_000))
    const next = await client.next(sized('b', 100))
    await bench.pass(19)
    expect([sentBy(client), next.reply]).toEqual([['a'], undefined])
    await bench.pass(1.25)
    expect([sentBy(client), next.reply?.body]).toEqual([['a', 'b'], empty])
  })
})
