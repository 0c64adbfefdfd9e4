import { describe, expect, test } from '@jest/globals'
import {
  BoshBench,
  body,
  create,
  empty,
  FakePeer,
  message,
  payload,
  restart,
  terminated,
} from '../../support/bosh-bench.js'
import { k2, k3, k4 } from './keys.js'

describe('a session with keys', () => {
  const opened = () => BoshBench.session(`newkey='${k4}' ver='1.6'`, 790)

  test.each(['', `key='${k2}'`, `key='${k4}'`, `key='x'`])('ends with «%s», and its server gets nothing', async key => {
    const { bench, client } = await opened()
    expect((await client.next(message('a'), key)).reply?.body).toBe(terminated('item-not-found'))
    expect(client.link.sent).toEqual([])
    expect(bench.registry.size).toBe(0)
  })

  test('may announce the first key in capitals, and checks a request ahead of a gap in its turn', async () => {
    const client = await new BoshBench().session(`newkey='${k4.toUpperCase()}' ver='1.6'`, 790)
    await client.at(792, message('b'), `key='${k2}'`)
    await client.at(791, message('a'), `key='${k3}'`)
    expect(client.link.sent).toEqual(['a', 'b'].map(message))
  })

  test('gets a reply again only with the same key', async () => {
    const { bench, client } = await opened()
    await client.next(message('a'), `key='${k3}'`)
    await bench.server(link => link.receive(message('for the owner')))
    expect((await client.at(791, '', `key='${k3}'`)).reply?.body).toBe(payload(message('for the owner')))
    expect((await client.at(791, '', `key='${k4}'`)).reply?.body).toBe(terminated('item-not-found'))
  })
})

describe('a session that was created over an encrypted channel', () => {
  test('does not answer over an unencrypted channel, and continues', async () => {
    const bench = new BoshBench()
    const client = await bench.session()
    const { reply } = await client.at(701, message('a'), '', new FakePeer(false))
    expect(reply).toMatchObject({ status: 0, body: '' })
    expect(bench.logged.join()).toContain('a request without TLS got no answer: its session was used over TLS')
    expect(client.link.sent).toEqual([])
    await client.at(701, message('b'))
    expect(client.link.sent).toEqual([message('b')])
  })
})

test.each([
  ['answered', 701, empty, 5],
  ['held', 703, undefined, 6],
  ['parked', 704, undefined, 6],
])('too many repeats of a request that is %s end the session', async (_what, rid, answer, times) => {
  const client = await new BoshBench().session()
  await client.next()
  await client.next()
  for (let sent = 0; sent < times; sent++) expect((await client.at(rid)).reply?.body).toBe(answer)
  expect((await client.at(rid)).reply?.body).toBe(terminated('policy-violation'))
})

// The rules themselves are in test/cases/examples.
test.each([
  ['pauses', "pause='10'", 0],
  ['restarts the stream', restart, 1],
])('with BOSH_ENFORCE_POLLING, a request that %s is not too early', async (_what, attributes, restarts) => {
  const bench = new BoshBench({ enforcePolling: true })
  const client = await bench.welcome()
  await client.next()
  await bench.pass(2)
  await client.next('', attributes)
  expect([bench.registry.size, client.link.restarts.length]).toEqual([1, restarts])
})

test('a domain that was removed from XMPP_DOMAINS gets host-gone', async () => {
  const { reply } = await new BoshBench().send(create().replace('chat.example', 'gone.example'))
  expect(reply?.body).toBe(terminated('host-gone'))
})

const insecure = (secureUrl?: string) => Object.assign(new FakePeer(false), { secureUrl })

const url = 'https://chat.example/http-bind'

test.each([
  ['is sent to the encrypted address', url, body("type='terminate' condition='see-other-uri'", `<uri>${url}</uri>`)],
  ['is refused if that address is unknown', undefined, terminated('policy-violation')],
])('if sessions require encrypted channels, a client over another channel %s', async (_what, secureUrl, told) => {
  const bench = new BoshBench({}, ['chat.example'], { requireSecure: true })
  expect((await bench.send(create(), insecure(secureUrl))).reply?.body).toBe(told)
  expect(bench.links).toHaveLength(0)
  await expect(bench.session()).resolves.toBeDefined()
})

test('a repeated request with other content gets the old reply, and is logged without its content', async () => {
  const { bench, client } = await BoshBench.session()
  await client.next(message('one'))
  await client.next()
  const other = (text: string) => client.at(701, '', `x='${text}'`)
  expect((await other('secret')).reply?.body).toBe(empty)
  expect(client.link.sent).toEqual([message('one')])
  expect(bench.logged.join()).toContain('a repeated request has another content')
  expect(bench.logged.join()).not.toContain('secret')
  expect(bench.logged.join()).not.toContain(client.sid)
  for (const text of ['three', 'four']) await other(text)
  const told = () => bench.logged.filter(line => line.includes('another content')).map(line => JSON.parse(line).count)
  expect(told()).toEqual([1])
  await bench.pass(60)
  expect(told()).toEqual([1, 2])
  await other('five')
  expect(told()).toEqual([1, 2])
  // As when the service stops.
  bench.sums.close()
  expect(told()).toEqual([1, 2, 1])
})

test('a repeated request with other stanzas is refused alone, because they would be lost without a word', async () => {
  const { bench, client } = await BoshBench.session()
  await client.next(message('one'))
  const poll = await client.next()
  for (const rid of [701, 702]) {
    const { peer, reply } = await client.at(rid, message('of another tab'))
    expect(reply?.body).toBe(terminated('item-not-found'))
    expect(peer.sentence).toContain('does another tab use the session?')
  }
  expect(bench.logged.join()).toContain('does another tab use the session?')
  expect(client.link.sent).toEqual([message('one')])
  await bench.server(link => link.receive(message('down')))
  expect(poll.reply?.body).toBe(payload(message('down')))
})

test('a request that waits for an earlier one is not replaced by a copy with other content', async () => {
  const { bench, client } = await BoshBench.session()
  const waits = await client.at(702, message('waits'))
  for (const inner of [message('of another tab'), '']) {
    const { peer, reply } = await client.at(702, inner)
    expect(reply?.body).toBe(terminated('item-not-found'))
    expect(peer.sentence).toContain('does another tab use the session?')
  }
  await client.at(701)
  expect(waits.reply).toBeUndefined()
  expect(client.link.sent).toEqual([message('waits')])
  expect(bench.registry.size).toBe(1)
})
