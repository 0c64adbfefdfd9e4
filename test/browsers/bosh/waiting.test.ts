import { describe, expect, test } from '@jest/globals'
import { defaultLimits } from '../../../src/xmpp/xml/limits.js'
import {
  BoshBench,
  bindRequest,
  type Client,
  create,
  empty,
  FakePeer,
  message,
  payload,
  restart,
  terminated,
} from '../../support/bosh-bench.js'

test.each([
  [30, 27],
  [1, 1],
])('a request that is held with a wait of %d s is answered empty after %d s', async (wait, after) => {
  const { bench, client } = await BoshBench.session(`wait='${wait}' hold='1'`)
  const poll = await client.next()
  await bench.pass(after - 0.5)
  expect(poll.reply).toBeUndefined()
  await bench.pass(0.25)
  await bench.pass(0.25)
  expect(poll.reply).toEqual({ status: 200, body: empty, contentType: 'text/xml; charset=utf-8' })
})

test('a request is held for `wait` from its arrival, even if an older one was repeated later', async () => {
  const bench = new BoshBench({ maxRequests: 3 })
  const client = await bench.session("wait='60' hold='2' ver='1.6'")
  await client.at(701)
  const newer = await client.at(702)
  await bench.pass(50)
  await client.at(701)
  await bench.pass(10.5)
  expect(newer.reply?.body).toBe(empty)
})

test.each(["wait='0' hold='1'", "wait='60' hold='0'"])('a polling session with %s is answered at once', async terms => {
  const { bench, client } = await BoshBench.session(terms)
  expect((await client.next()).reply?.body).toBe(empty)
  await bench.server(link => link.receive(message('a')))
  expect((await client.next()).reply?.body).toBe(payload(message('a')))
})

test('stanzas that wait for a request are sent in several replies if they are too many for one', async () => {
  const { bench, client } = await BoshBench.session()
  const large = message('x'.repeat(600_000))
  await bench.server(link => link.receive(large, large))
  expect((await client.next()).reply?.body).toBe(payload(large))
  expect((await client.next()).reply?.body).toBe(payload(large))
})

describe('silence', () => {
  const endsAfter20Seconds = async (bench: BoshBench) => {
    await bench.pass(19.5)
    expect(bench.registry.size).toBe(1)
    await bench.pass(1)
    expect(bench.registry.size).toBe(0)
  }

  test.each([
    ['a request is held', 1, 50],
    ['an early request waits', 2, 15],
  ])('is not counted while %s, but from the time at which its connection broke', async (_what, ahead, seconds) => {
    const bench = new BoshBench({ inactivity: 20 })
    const client = await bench.session()
    const request = await client.at(client.rid + ahead)
    await bench.pass(seconds)
    expect(request.reply).toBeUndefined()
    request.peer.leave()
    await endsAfter20Seconds(bench)
  })

  test('is counted from the creation if its client has left before', async () => {
    const bench = new BoshBench({ inactivity: 20 })
    const peer = new FakePeer()
    peer.leave()
    await bench.send(create(), peer)
    await endsAfter20Seconds(bench)
  })

  const from = (id: string) => `<message xmlns='jabber:client' from='romeo@chat.example/a' id='${id}'/>`
  /** The ids of messages that were answered with errors. */
  const refused = ({ link }: Client) =>
    [...link.sent.join().matchAll(/type='error'[^>]* id='(\w+)'/g)].map(([, id]) => id)

  test.each([
    ['', "wait='60' hold='1' ver='1.6'"],
    [' that acknowledges', "wait='60' hold='1' ver='1.6' ack='1'"],
  ])('after a reply returns its stanzas and waiting stanzas to the senders, for a client%s', async (_what, terms) => {
    const { bench, client } = await BoshBench.session(terms)
    await client.next()
    await bench.server(link => link.receive(from('arrived')))
    await client.next()
    await bench.server(link => link.receive(from('sent')))
    await bench.server(link => link.receive(from('waiting')))
    await bench.pass(151)
    expect(bench.counts.sessionsEnded.inactivity).toBe(1)
    expect(refused(client)).toEqual(['sent', 'waiting'])
  })

  test('of a polling client returns only stanzas of the last reply', async () => {
    const { bench, client } = await BoshBench.session("wait='60' ver='1.6' hold='0'")
    for (const id of ['one', 'two']) {
      await bench.server(link => link.receive(from(id)))
      await client.next()
    }
    await bench.pass(151)
    await bench.pass(151)
    expect(refused(client)).toEqual(['two'])
  })

  test('after another held request’s connection broke returns the stanzas', async () => {
    const bench = new BoshBench({ maxRequests: 3 })
    const client = await bench.session("wait='60' hold='2' ver='1.6'")
    await client.next()
    const second = await client.next()
    await bench.server(link => link.receive(from('arrived')))
    second.peer.leave()
    await bench.pass(151)
    expect(bench.registry.size).toBe(0)
    expect(refused(client)).toEqual(['arrived'])
  })

  // A request that is no poll may have crossed the reply, which may then be lost.
  test.each<[string, readonly string[], (client: Client) => Promise<unknown>]>([
    ['no', [], async client => (await client.next()).peer.leave()],
    ['its', ['arrived'], client => client.next(message('crossing'))],
    ['its', ['arrived'], client => client.next('', "pause='60'")],
    ['its', ['arrived'], client => client.next('', "type='terminate'")],
  ])('after a reply returns %s stanzas if the next request proves that: %j', async (_what, returned, act) => {
    const { bench, client } = await BoshBench.session("wait='60' ver='1.6' hold='1'")
    await client.next()
    await bench.server(link => link.receive(from('arrived')))
    await act(client)
    await bench.pass(151)
    await bench.pass(151)
    expect(bench.registry.size).toBe(0)
    expect(refused(client)).toEqual(returned)
  })

  test('also ends a session with a stanza of as many attributes as the reader takes, and leaves no timer', async () => {
    const many = Array.from({ length: defaultLimits.maxAttributes }, (_, n) => ` a${n}='1'`).join('')
    const { bench } = await BoshBench.session()
    await bench.server(link => link.receive(`<message xmlns='jabber:client'${many}/>`))
    await bench.pass(200)
    expect([bench.registry.size, bench.link.closed, bench.clock.pending]).toEqual([0, true, 0])
  })
})

describe('while a stream is restarted,', () => {
  const request = `${restart} xml:lang='de' to='chat.example'`
  const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"

  test('its language and address go to the server, but no stanza of the request, and later requests wait', async () => {
    const { bench, client } = await BoshBench.welcome()
    const opening = await client.next(message('ignored'), `${request} from='juliet@chat.example'`)
    expect(client.link.restarts).toEqual([{ lang: 'de', from: 'juliet@chat.example' }])
    await client.next(bindRequest())
    expect([opening.reply, client.link.sent]).toEqual([undefined, []])
    await bench.server(link => link.open(bind))
    expect(opening.reply?.body).toContain(bind)
    expect(opening.reply?.body).not.toContain('authid')
    expect(client.link.sent).toEqual([bindRequest()])
  })

  test('only as many requests may be open as the terms allow', async () => {
    const client = await new BoshBench().welcome()
    await client.next('', request)
    await client.next()
    expect((await client.next()).reply?.body).toBe(terminated('policy-violation'))
  })
})
