import { describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import { UserLimit } from '../../../src/session/limits/user-limit.js'
import {
  BoshBench,
  type Client,
  create,
  empty,
  type FakeLink,
  FakePeer,
  lost,
  message,
  terminated,
} from '../../support/bosh-bench.js'
import { noLimits, noSessionLimits, type Settings } from '../../support/unlimited.js'

/** A connection manager with limits, behind a proxy at 10.0.0.1. */
function limited(
  limits: Settings['limits'],
  about: { perSecond?: number; perJid?: number; maxRequests?: number } = {},
): BoshBench {
  return new BoshBench({ maxRequests: about.maxRequests ?? 2 }, undefined, {
    userLimit: (registry, refused) => new UserLimit({ most: about.perJid ?? 0, registry, refused }),
    limits: noSessionLimits({
      limits: { ...noLimits, ...limits },
      rates: { sessionsPerAddress: about.perSecond ?? 0, guests: 0 },
      trustedProxies: readNetworks('10.0.0.1', () => undefined),
      resources: { memoryAllows: () => true, descriptorsAreLeft: () => true },
    }),
  })
}

const from = (address: string) => new FakePeer(true, address)
const refused = terminated('policy-violation')
const serviceFull = expect.objectContaining({ step: 'connect', code: 'service-full' }) as unknown as Error
const resumed = "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"
const success = (inner: string) => `<success xmlns='urn:xmpp:sasl:2'>${inner}</success>`

/** Requests a session. Resolves with the error, or with undefined while the session opens. */
async function ask(bench: BoshBench, peer = new FakePeer()): Promise<string | undefined> {
  return (await bench.send(create(), peer)).reply?.body
}

/** A session whose client has bound this JID. */
async function bound(bench: BoshBench, jid: string): Promise<Client> {
  const client = await bench.session()
  await bench.server(link => link.bind(jid))
  await client.next()
  return client
}

test('more sessions than allowed are refused, to logins with their own error, until a session ends', async () => {
  const bench = limited({ sessions: 2 })
  const first = await bound(bench, 'juliet@chat.example/balcony')
  await bench.session()
  expect(await ask(bench)).toBe(refused)
  expect(() => bench.login()).toThrow(serviceFull)
  expect(bench.links).toHaveLength(2)
  await first.next('', "type='terminate'")
  expect(() => bench.login()).not.toThrow()
  expect(await ask(bench)).toBe(refused)
  expect(bench.counts.refused.sessions).toBe(3)
})

test('a user at the limit may open a session once another has ended, even if its page does not have the end yet', async () => {
  const bench = limited({}, { perJid: 1 })
  const first = await bench.session()
  await bench.server(link => link.bind('juliet@chat.example/a'))
  await bench.server(() => first.link.end(lost))
  const second = await bound(bench, 'juliet@chat.example/b')
  expect(second.link.closed).toBe(false)
  expect(bench.registry.size).toBe(2)
})

describe('too many sessions of one client', () => {
  test('are refused to this client only', async () => {
    const bench = limited({ sessionsPerAddress: 2 })
    const [one] = [await bench.session('', 700, from('192.0.2.7')), await ask(bench, from('192.0.2.7'))]
    expect(await ask(bench, from('192.0.2.7'))).toBe(refused)
    expect(await ask(bench, from('192.0.2.8'))).toBeUndefined()
    // Its existing sessions continue.
    expect((await one.next()).reply).toBeUndefined()
    await one.next('', "type='terminate'")
    expect(await ask(bench, from('192.0.2.7'))).toBeUndefined()
  })

  test('are not counted for logins of this process, or for a proxy of many clients', async () => {
    const bench = limited({ sessionsPerAddress: 1, unauthenticatedPerAddress: 1 }, { perSecond: 1 })
    for (let count = 0; count < 20; count++) {
      bench.login()
      expect(await ask(bench, from('10.0.0.1'))).toBeUndefined()
    }
  })
})

describe('a client that does not log in in time', () => {
  test('gets the end on its open request, and its server sees the stream end', async () => {
    const bench = limited({ loginTimeout: 60 })
    const client = await bench.session()
    await bench.pass(30)
    const held = await client.next()
    await bench.pass(29.9)
    expect(held.reply).toBeUndefined()
    await bench.pass(0.1)
    expect(held.reply?.body).toBe(refused)
    expect(client.link.closed).toBe(true)
    expect(bench.registry.size).toBe(0)
    expect(bench.counts.sessionsEnded['login-timeout']).toBe(1)
  })

  test('makes room at once for another session of its address that is not logged in', async () => {
    const bench = limited({ loginTimeout: 60, unauthenticatedPerAddress: 2, sessionsPerAddress: 3 })
    await bench.session()
    await bench.session()
    await bench.pass(60)
    // Neither client knows of the end, so both sessions stay, and take memory.
    expect(bench.registry.size).toBe(2)
    expect(await ask(bench)).toBeUndefined()
    expect(bench.counts.refused.unauthenticated).toBe(0)
    expect(await ask(bench)).toBe(refused)
    expect(bench.counts.refused.address).toBe(1)
  })

  const told = '<authorization-identifier>juliet@chat.example</authorization-identifier>'

  test.each([
    ['a bound JID', (link: FakeLink) => link.bind()],
    ['a stream that it has resumed with its login', (link: FakeLink) => link.say(success(told + resumed))],
  ])('may stay if it has %s', async (_what, act) => {
    const bench = limited({ loginTimeout: 60 })
    const client = await bench.session()
    await client.next()
    await bench.server(act)
    await client.next()
    await bench.pass(53)
    const next = await client.next()
    await bench.pass(30)
    expect([next.reply, client.link.closed]).toEqual([undefined, false])
  })

  test.each([
    ['a message', message('hello')],
    ['a resumed stream that it did not request', resumed],
    ['an error in answer to its message', "<message xmlns='jabber:client' type='error'><error type='auth'/></message>"],
    ['a success that only mentions a resumption', success(`<additional-data><![CDATA[${resumed}]]></additional-data>`)],
  ])('is still ended after %s', async (_what, said) => {
    const bench = limited({ loginTimeout: 60 })
    const client = await bench.session()
    await bench.server(link => link.say(said))
    await client.next()
    await bench.pass(30)
    await client.next()
    await bench.pass(30)
    expect(client.link.closed).toBe(true)
  })
})

describe('more waiting requests than allowed', () => {
  test('leave one held request to each session, even if it may hold several', async () => {
    const bench = limited({ heldRequests: 2 }, { maxRequests: 4 })
    const one = await bench.session("hold='3'")
    const held = [await one.next(), await one.next(), await one.next(), await one.next()]
    expect(held.map(({ reply }) => reply?.body)).toEqual([empty, empty, undefined, undefined])
    expect(one.link.closed).toBe(false)
  })

  test('refuse new sessions until a request is answered, with a line in the log', async () => {
    const bench = limited({ heldRequests: 2 })
    const client = await bound(bench, 'juliet@chat.example/balcony')
    const held = await client.next()
    // It waits for the request before it.
    await client.at(client.rid + 2)
    expect(await ask(bench)).toBe(refused)
    expect(() => bench.login()).toThrow(serviceFull)
    expect(bench.logged.map(line => JSON.parse(line))).toMatchObject([
      { level: 40, limit: 'held', setting: 'MAX_SESSIONS' },
    ])
    await bench.server(() => client.link.receive(message('hello')))
    expect(held.reply).toBeDefined()
    expect(await ask(bench)).toBeUndefined()
  })
})
