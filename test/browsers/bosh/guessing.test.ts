// `mallory` guesses passwords. Other clients have the same address.
import { describe, expect, test } from '@jest/globals'
import {
  auth,
  authenticate,
  BoshBench,
  body,
  type Client,
  create,
  FakePeer,
  payload,
  restart,
  terminated,
} from '../../support/bosh-bench.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const refusal = `<failure xmlns='${sasl}'><not-authorized/></failure>`
const refusal2 = `<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='${sasl}'/></failure>`
const base64 = (text: string) => Buffer.from(text).toString('base64')
const plain = (user: string, password = 'guess') =>
  `<auth xmlns='${sasl}' mechanism='PLAIN'>${base64(`\0${user}\0${password}`)}</auth>`

/** A stream without a login attempt. */
const stranger = (bench: BoshBench, address = '192.0.2.1') =>
  bench.session(undefined, 700, new FakePeer(true, address), '')

/** Tries a login. The server answers. */
async function tryOnce(bench: BoshBench, client: Client, login = auth, answer = refusal) {
  const tried = await client.next(login)
  expect(tried.reply).toBeUndefined()
  client.link.say(answer)
  await bench.pass(0)
  return tried.reply?.body
}

/** Sends a login on a stream of its own. The server does not answer. */
async function logsIn(bench: BoshBench, address?: string) {
  const client = await stranger(bench, address)
  return { client, held: await client.next(auth) }
}

/** Tries `count` wrong passwords from an address, five on each stream. */
async function guess(bench: BoshBench, count: number, address?: string): Promise<void> {
  for (let left = count; left > 0; left -= 5) {
    const client = await stranger(bench, address)
    for (let number = 0; number < Math.min(left, 5); number++) await tryOnce(bench, client)
  }
}

describe('on one stream', () => {
  test.each([
    ['are refused', auth, refusal],
    ['by SASL2 are refused', authenticate, refusal2],
    ['are aborted', auth, `<failure xmlns='${sasl}'><aborted/></failure>`],
  ])('five logins %s, and it ends after its client has read the last refusal', async (_how, login, answer) => {
    const bench = new BoshBench()
    const client = await stranger(bench)
    for (let number = 0; number < 5; number++) {
      expect(client.link.closed).toBe(false)
      expect(await tryOnce(bench, client, login, answer)).toBe(payload(answer))
    }
    expect(client.link.sent).toHaveLength(5)
    expect(client.link.closed).toBe(true)
    expect((await client.next(login)).reply?.body).toBe(terminated('policy-violation'))
    expect(client.link.sent).toHaveLength(5)
    expect([bench.registry.size, bench.counts.sessionsEnded['refused-logins']]).toEqual([0, 1])
    expect(bench.counts.clientLogins.refused).toBe(5)
  })

  test('six logins at once reach no server', async () => {
    const client = await stranger(new BoshBench())
    expect((await client.next(auth.repeat(6))).reply?.body).toBe(terminated('policy-violation'))
    expect(client.link.sent).toEqual([])
  })

  test('four wrong passwords and then the right password log in', async () => {
    const bench = new BoshBench({}, undefined, { loginsPerAddress: 20 })
    const client = await stranger(bench)
    for (let number = 0; number < 4; number++) await tryOnce(bench, client)
    await tryOnce(bench, client, auth, `<success xmlns='${sasl}'/>`)
    await client.next('', restart)
    expect(client.link.restarts).toHaveLength(1)
  })

  test('stanzas of other users do not count as refusals after the login', async () => {
    const { bench, client } = await BoshBench.session()
    await bench.server(link => link.bind())
    for (let number = 0; number < 6; number++) await bench.server(link => link.say(refusal))
    await client.next(auth.repeat(6))
    expect(client.link.closed).toBe(false)
  })
})

describe('from one address', () => {
  const limited = () => new BoshBench({}, ['chat.example', 'other.example'], { loginsPerAddress: 10 })

  test('logins over the limit wait longer each time, and then go to the server', async () => {
    const bench = limited()
    await guess(bench, 10)
    const waits: number[] = []
    for (let number = 0; number < 8; number++) {
      const { client, held } = await logsIn(bench)
      let waited = 0
      for (; client.link.sent.length === 0 && waited < 60; waited += 0.5) await bench.pass(0.5)
      waits.push(waited)
      expect([client.link.sent, held.reply]).toEqual([[auth], undefined])
      await bench.server(link => link.say(refusal))
      expect(held.reply?.body).toContain('<not-authorized/>')
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 20, 20])
    expect(bench.counts.clientLogins).toEqual({ refused: 18, delayed: 8 })
    expect(bench.logged.map(line => JSON.parse(line))).toMatchObject([
      { limit: 'logins-address', setting: 'RATE_LOGINS_PER_ADDRESS', refused: 1, address: '192.0.2.1' },
      { limit: 'logins-address', setting: 'RATE_LOGINS_PER_ADDRESS', refused: 7, address: '192.0.2.1' },
    ])
  })

  test.each([auth, authenticate])('a login over the limit waits also before the stream is open: %s', async login => {
    const bench = limited()
    await guess(bench, 10)
    await bench.send(create(undefined, 700, login))
    await bench.server(link => link.open())
    expect(bench.link.sent).toEqual([])
    await bench.pass(0.5)
    expect(bench.link.sent).toEqual([login])
  })

  test('many logins at once do not all pass: a login without an answer counts', async () => {
    const bench = limited()
    const sent: number[] = []
    for (let number = 0; number < 30; number++) {
      const { client } = await logsIn(bench)
      sent.push(client.link.sent.length)
    }
    expect(sent.filter(count => count === 1)).toHaveLength(10)
    await bench.pass(1)
    expect(bench.links.filter(link => link.sent.length === 1)).toHaveLength(12)
  })

  test('a neighbour in its IPv6 network with the right password logs in after the delay', async () => {
    const bench = limited()
    for (const address of ['2001:db8::1', '2001:db8::2']) await guess(bench, 6, address)
    const { client } = await logsIn(bench, '2001:db8::3')
    expect(client.link.sent).toEqual([])
    await bench.pass(20)
    expect(client.link.sent).toEqual([auth])
    await bench.server(link => link.letIn())
    await client.next('', restart)
    expect(client.link.restarts).toHaveLength(1)
  })

  test('logins that succeed have no limit, and no line in the audit trail', async () => {
    const bench = limited()
    for (let number = 0; number < 40; number++) {
      const { client } = await logsIn(bench)
      expect(client.link.sent).toEqual([auth])
      await bench.server(link => link.letIn())
    }
    expect(bench.counts.clientLogins).toEqual({ refused: 0, delayed: 0 })
    expect(bench.audited).toEqual([])
  })

  test('a login does not count if its client disconnects while it waits', async () => {
    const bench = limited()
    await guess(bench, 10)
    for (let number = 0; number < 5; number++) {
      const { client } = await logsIn(bench)
      await client.next('', "type='terminate'")
      await bench.pass(30)
      expect(client.link.sent).toEqual([])
    }
    const { client } = await logsIn(bench)
    await bench.pass(0.5)
    expect(client.link.sent).toEqual([auth])
  })

  test('other addresses do not wait, other domains wait later, and a proxy itself never waits', async () => {
    const bench = limited()
    await guess(bench, 10)
    for (const address of ['192.0.2.2', '10.0.0.1']) {
      const { client } = await logsIn(bench, address)
      expect(client.link.sent).toEqual([auth])
    }
    await guess(bench, 30, '10.0.0.1')
    expect(bench.counts.clientLogins.delayed).toBe(0)
    for (let number = 0; number < 20; number++) await bench.send(body("rid='1' to='other.example' ver='1.6'", auth))
    expect(bench.counts.clientLogins.delayed).toBe(10)
  })
})

describe('in the audit trail', () => {
  test('a refused login is logged with address and JID, and later refusals once a minute with their number', async () => {
    const bench = new BoshBench()
    const [first, second] = [await stranger(bench), await stranger(bench)]
    await tryOnce(bench, first, plain('alice', 's3cret'))
    const line = { level: 30, code: 'not-authorized', address: '192.0.2.1', servers: [], msg: 'client login' }
    expect(bench.audited).toEqual([{ ...line, jids: ['alice@chat.example'], refused: 1 }])
    await tryOnce(bench, first, plain('alice', 's3cret'))
    await tryOnce(bench, second, auth, refusal)
    await tryOnce(bench, second, plain('mallory'))
    await bench.pass(59)
    expect(bench.audited).toHaveLength(1)
    await bench.pass(1)
    const jids = ['alice@chat.example', 'juliet@chat.example', 'mallory@chat.example']
    expect(bench.audited.slice(1)).toEqual([{ ...line, jids, refused: 3 }])
    await bench.pass(120)
    expect(bench.audited).toHaveLength(2)
    expect(JSON.stringify(bench.audited) + bench.logged.join('')).not.toContain('s3cret')
    expect(JSON.stringify(bench.audited)).not.toContain(base64('\0alice\0s3cret'))
  })

  test('the line has the name in the first response, made short and printable, or only the domain', async () => {
    const bench = new BoshBench()
    const client = await stranger(bench)
    await client.next(`<auth xmlns='${sasl}' mechanism='SCRAM-SHA-256'/>`)
    await client.next(`<response xmlns='${sasl}'>${base64('n,,n=b=2Cob,r=nonce')}</response>`)
    await bench.server(link => link.say(refusal))
    expect(bench.audited[0]).toMatchObject({ jids: ['b,ob@chat.example'] })
    const other = await stranger(bench, '192.0.2.9')
    await tryOnce(bench, other, `<auth xmlns='${sasl}' mechanism='X-NEW'>${base64('alice:s3cret')}</auth>`)
    expect(bench.audited[1]).toMatchObject({ jids: ['chat.example'] })
    await tryOnce(bench, await stranger(bench, '192.0.2.10'), plain(`a\u202e\n\u001b[2J"${'x'.repeat(3_000)}`))
    const [jid] = bench.audited[2]!['jids'] as string[]
    expect(jid).toMatch(/^a\?\?\?\[2J"x+…$/)
    expect(jid!.length).toBeLessThanOrEqual(81)
  })
})
