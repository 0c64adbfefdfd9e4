// A session during a warm login: until the handover, the login gets all elements of the server.
import { describe, expect, test } from '@jest/globals'
import { BoshBench, empty, FakeMending } from '../support/bosh-bench.js'
import { element } from '../support/element.js'
import { enabledByServer } from '../support/next-process.js'

const handover = { seconds: 120, attachBinding: 'off' } as const
const juliet = 'juliet@chat.example/balcony'
const enabled = element(enabledByServer)

describe('a session during its login', () => {
  test('opens its link as the login wishes, and gives it all elements of the server unchanged', async () => {
    const bench = new BoshBench()
    const login = bench.login("xml:lang='de'")
    expect(bench.link.options).toMatchObject({ lang: 'de', certificate: false })
    const features = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    await bench.server(link => link.open(features))
    expect(login.received).toEqual([expect.objectContaining({ name: 'features' })])
    expect(login.received[0]!.text).toContain(features)
    const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"
    login.opening.link.send([{ name: 'auth', namespace: 'urn:ietf:params:xml:ns:xmpp-sasl', text: auth }])
    expect(bench.link.sent).toEqual([auth])
    expect(login.opening.link.facts.encrypted).toBe(true)
  })

  test('ends when the login is abandoned, without further events', async () => {
    const bench = new BoshBench()
    const login = bench.login()
    login.opening.abandon()
    expect(bench.registry.size).toBe(0)
    expect(bench.link.closed).toBe(true)
    expect(login.end).toBeUndefined()
    expect(await login.opening.handOver(juliet, [], handover)).toBeUndefined()
  })

  test.each<[string, string, (bench: BoshBench) => unknown]>([
    ['its link ends', 'timeout', b => b.link.end({ failure: { step: 'features', code: 'timeout' } })],
    ['an admin ends it', 'session-not-found', b => [...b.registry.all()][0]!.end('logout', 'loggedOut')],
    ['the service stops', 'shutting-down', bench => bench.manager.shutDown()],
    ['the service ends all sessions silently', 'remote-connection-failed', bench => bench.registry.endAllSilently()],
  ])('is removed when %s, and the login is informed once', async (_what, code, act) => {
    const bench = new BoshBench()
    const login = bench.login()
    act(bench)
    expect(login.end?.failure.code).toBe(code)
    expect(bench.registry.size).toBe(0)
    expect(bench.link.closed || code === 'timeout').toBe(true)
    login.opening.abandon()
    expect(await login.opening.handOver(juliet, [], handover)).toBeUndefined()
  })

  test.each([
    ['the other sessions have moved', 'setting-down', true],
    ['the stop has begun, and before the server makes it resumable', 'stopping', false],
  ] as const)(
    'fails if its login ends after %s, so that another process repeats it',
    async (_when, phase, isEnabled) => {
      const bench = new BoshBench()
      const { opening } = bench.login()
      bench.phase.begin(phase)
      const management = { mending: new FakeMending(), ...(isEnabled && { enabled }) }
      const tried = opening.handOver(juliet, [], handover, management)
      await expect(tried).rejects.toMatchObject({ code: 'shutting-down', step: 'bind' })
      opening.abandon()
      expect(bench.registry.size).toBe(0)
      expect(bench.link.closed).toBe(true)
    },
  )

  test('succeeds after a stop has begun if the session is resumable, because it can move', async () => {
    const bench = new BoshBench()
    const { opening } = bench.login()
    bench.phase.begin('stopping')
    const management = { mending: new FakeMending(), enabled }
    expect(await opening.handOver(juliet, [], handover, management)).toMatchObject({ rid: 701 })
  })

  test.each([
    ['gone.example', 'host-unknown'],
    ['other.example', 'domain-not-allowed'],
  ])('is not opened for %s, which is not served', (domain, code) => {
    const bench = new BoshBench()
    expect(() => bench.login('', domain)).toThrow(
      expect.objectContaining({ step: 'connect', code }) as unknown as Error,
    )
    expect(bench.counts.unknownHosts).toBe(1)
    expect(bench.links).toEqual([])
  })
})

describe('a session after its login', () => {
  test('has the values that its page needs', async () => {
    const bench = new BoshBench()
    const { opening } = bench.login("wait='30' hold='9' ver='1.8'")
    expect(await opening.handOver(juliet, [], handover)).toEqual({
      ...{ sid: expect.stringMatching(/^[0-9a-f]{40}$/), rid: 701, wait: 30, hold: 1, requests: 2 },
      ...{ inactivity: 150, polling: 5, maxpause: 300, ver: '1.8' },
    })
    expect(bench.registry.byId(opening.id)?.view).toMatchObject({ jid: juliet, state: 'waiting' })
  })

  test('does not send attributes of a creation reply to its page', async () => {
    const client = await new BoshBench().warmed()
    await client.next()
    client.link.events.onOpen?.({ id: 'stream-2', from: 'chat.example' })
    const { reply } = await client.next('', "pause='10'")
    expect(reply?.body).toBe(empty)
  })
})
