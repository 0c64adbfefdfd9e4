import { describe, expect, test } from '@jest/globals'
import {
  BoshBench,
  create,
  empty,
  type FakeLink,
  message,
  request,
  terminated,
} from '../support/bosh-bench.js'

/** More than may wait for a server before its client is kept from sending. */
const much = 300 * 1024
/** More than is kept for one. */
const tooMuch = 9 * 1024 * 1024

describe('a server that takes nothing', () => {
  test('leaves its client without the answers with which it would send more', async () => {
    const client = await new BoshBench().session()
    client.link.backlog = much
    const [first, second] = [await client.next(message('one')), await client.next(message('two'))]
    expect([first.reply, second.reply]).toEqual([undefined, undefined])
    expect(client.link.sent).toEqual([message('one'), message('two')])
    client.link.backlog = 0
    await client.bench.server(({ events }) => events.onDrain())
    expect(first.reply?.body).toBe(empty)
    expect(second.reply).toBeUndefined()
  })

  test('does not keep requests beyond their time', async () => {
    const client = await new BoshBench().session()
    client.link.backlog = much
    const requests = [await client.next(message('one')), await client.next(message('two'))]
    await client.bench.pass(55)
    expect(requests.map(({ reply }) => reply?.body)).toEqual([empty, empty])
  })

  test('may still speak, and its client end the session', async () => {
    const client = await new BoshBench().session()
    client.link.backlog = much
    const [first, second] = [await client.next(message('one')), await client.next(message('two'))]
    await client.bench.server(link => link.receive(message('from the server')))
    expect(first.reply?.body).toContain(message('from the server'))
    await client.next('', "type='terminate'")
    expect(second.reply?.body).toContain("type='terminate'")
    expect(client.bench.registry.size).toBe(0)
  })

  test('lets the session end that leaves more behind than can be kept, and says why', async () => {
    const client = await new BoshBench().session()
    const poll = await client.next()
    client.link.backlog = tooMuch
    const last = await client.next(message('too many'))
    expect(poll.reply?.body).toBe(terminated('remote-connection-failed'))
    expect(last.reply?.body).toBe(empty)
    expect(client.link.closed).toBe(true)
    expect(client.bench.registry.size).toBe(0)
    expect(client.bench.counts.sessionsEnded['connection-lost']).toBe(1)
  })

  test('lets no session grow that polls while its stream is being opened', async () => {
    const bench = new BoshBench()
    const creation = await bench.send(create("wait='0' hold='0' ver='1.6'"))
    await bench.pass(0.25)
    const sid = /sid='([^']+)'/.exec(creation.reply?.body ?? '')![1]!
    const large = message('x'.repeat(250_000))
    let reply: string | undefined = empty
    for (let rid = 701; reply === empty && rid < 800; rid++) {
      const polled = await bench.send(request(sid, rid, large))
      await bench.pass(0.25)
      reply = polled.reply?.body
    }
    expect(reply).toBe(terminated('remote-connection-failed'))
    expect(bench.registry.size).toBe(0)
  })
})

describe('a server that sends without end', () => {
  test.each([
    ['stream features', (link: FakeLink) => link.open(`<x xmlns='urn:x'>${'x'.repeat(9000)}</x>`)],
    ['messages', (link: FakeLink) => link.receive(message('x'.repeat(9000)))],
  ])('is read no further while its client fetches nothing, with %s', async (_what, send) => {
    const { link, bench } = await new BoshBench().session()
    for (let sent = 0; sent < 200 && !link.paused; sent++) await bench.server(send)
    expect(link.paused).toBe(true)
  })
})

test('a stanza that is too long ends its session, and the limit is counted', async () => {
  const client = await new BoshBench().session()
  const { reply } = await client.next(message('x'.repeat(262_144)))
  expect(reply?.body).toBe(terminated('policy-violation'))
  expect(client.bench.counts.refused.stanza).toBe(1)
})
