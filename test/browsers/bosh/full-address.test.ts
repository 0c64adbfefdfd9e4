// An address has reached its limit of sessions without a login. Which of its sessions ends for a new client?
import { describe, expect, test } from '@jest/globals'
import { readNetworks } from '../../../src/config/kinds/networks.js'
import { BoshBench, type Client, create, FakePeer, terminated } from '../../support/bosh-bench.js'
import { FakeClock } from '../../support/fake-clock.js'
import { memoryStore } from '../../support/memory-store.js'
import { noLimits, noSessionLimits, unnoted } from '../../support/unlimited.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const refusal = `<failure xmlns='${sasl}'><not-authorized/></failure>`
const plain = (user: string) =>
  `<auth xmlns='${sasl}' mechanism='PLAIN'>${Buffer.from(`\0${user}\0guess`).toString('base64')}</auth>`
const told = terminated('policy-violation')

describe.each([
  ['this process', 0],
  ['the store', 99],
])('a new session of an address at its limit, whose sessions %s counts,', (_where, sessionsPerAddress) => {
  /** After the first refused login of an address, its logins are delayed. */
  const benchFor = (unauthenticatedPerAddress: number) =>
    new BoshBench({}, undefined, {
      loginsPerAddress: 1,
      limits: noSessionLimits({
        limits: { ...noLimits, loginTimeout: 600, sessionsPerAddress, unauthenticatedPerAddress },
        trustedProxies: readNetworks('10.0.0.1', () => undefined),
        shared: { self: 'aaaaaaaa', store: memoryStore(new FakeClock()), onAlone: unnoted },
      }),
    })
  /** A stream without a login attempt. */
  const open = (bench: BoshBench, address = '192.0.2.1') =>
    bench.session(undefined, 700, new FakePeer(true, address), '')
  /** Returns true if the address may open another session. */
  const isLetIn = async (bench: BoshBench, address = '192.0.2.1') =>
    (await bench.send(create(), new FakePeer(true, address))).reply?.body !== told
  /** The server refuses the client's login. Afterwards a request of the client is held. */
  async function guess(bench: BoshBench, client: Client): Promise<void> {
    await client.next(plain('juliet'))
    await bench.pass(20)
    client.link.say(refusal)
    await bench.pass(0)
  }

  test('ends the session with the most refused logins, with an error for its client', async () => {
    const bench = benchFor(3)
    const [honest, once, twice] = [await open(bench), await open(bench), await open(bench)]
    await honest.next(plain('romeo'))
    await guess(bench, once)
    for (let time = 0; time < 2; time++) await guess(bench, twice)
    const held = await twice.next(plain('juliet'))
    expect(await isLetIn(bench)).toBe(true)
    expect(held.reply?.body).toBe(told)
    expect([honest, once, twice].map(({ link }) => link.closed)).toEqual([false, false, true])
    expect(await isLetIn(bench)).toBe(true)
    expect(once.link.closed).toBe(true)
    expect([bench.counts.refused.unauthenticated, bench.counts.sessionsEnded.limit]).toEqual([2, 2])
    // Its session stays, because the server has not answered the login yet.
    expect(await isLetIn(bench)).toBe(false)
    expect(honest.link.closed).toBe(false)
    expect(bench.registry.size).toBe(3)
  })

  test('ends the oldest session that has not logged in for five seconds', async () => {
    const bench = benchFor(2)
    const first = await open(bench)
    await bench.pass(1)
    const second = await open(bench)
    expect(await isLetIn(bench)).toBe(false)
    await bench.pass(3.9)
    expect(await isLetIn(bench)).toBe(false)
    await bench.pass(0.1)
    expect(await isLetIn(bench)).toBe(true)
    expect([first.link.closed, second.link.closed]).toEqual([true, false])
    // Its client has no open request, so its session ends at once.
    expect(bench.registry.size).toBe(2)
  })

  test('ends no session of another address, and no session that has logged in', async () => {
    const bench = benchFor(1)
    const other = await open(bench, '192.0.2.2')
    await bench.pass(10)
    const user = await bench.session(undefined, 700, new FakePeer(true, '192.0.2.1'))
    await bench.server(link => link.bind())
    const login = await open(bench)
    await login.next(plain('romeo'))
    await bench.pass(0)
    expect(await isLetIn(bench)).toBe(false)
    expect([other, user, login].map(({ link }) => link.closed)).toEqual([false, false, false])
  })
})
