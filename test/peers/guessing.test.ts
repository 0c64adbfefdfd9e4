// Clients that guess passwords at real servers, from an address that they share with alice.
// Runs in npm run test:all only: `test/scenarios/guessing.test.ts` has the same with scripted servers.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { attribute, BoshClient } from '../support/bosh-client.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { open } from '../support/websocket-stage.js'
import { WebSocketWire } from '../support/websocket-wire.js'
import { describeWith } from './needs.js'
import { encryptedServers, type XmppServer } from './servers.js'

const password = 'wonderland'
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** The result of a login. */
type Outcome = 'refused' | 'let in' | 'ended'

/** One stream of a client. */
interface Stream {
  /** Tries this password of alice with PLAIN. */
  guess(password: string): Promise<Outcome>
  close(): void
}

/** Headers of the trusted proxy for a client with TLS. */
const through = (address: string) => ({ 'X-Forwarded-For': address, 'X-Forwarded-Proto': 'https' })

const plain = (guess: string) =>
  `<auth xmlns='${sasl}' mechanism='PLAIN'>${Buffer.from(`\0alice\0${guess}`).toString('base64')}</auth>`

/** The outcome of a login in a text; undefined if there is none. */
function outcomeIn(text: string): Outcome | undefined {
  if (text.includes('<failure')) return 'refused'
  if (text.includes('<success')) return 'let in'
  return /type='terminate'|<stream:error|<close/.test(text) ? 'ended' : undefined
}

async function overBosh(url: string, address: string): Promise<Stream> {
  const client = new BoshClient(`${url}/http-bind`)
  const request = (inner = '', attributes = {}) => client.request(inner, attributes, { headers: through(address) })
  const created = await request('', { to: 'localhost', wait: '5', hold: '1', ver: '1.6' })
  client.sid = attribute(created, 'sid')
  for (let text = created; !text.includes('PLAIN</mechanism>'); ) text = await request()
  return {
    async guess(guess) {
      let text = await request(plain(guess))
      while (outcomeIn(text) === undefined) text = await request()
      return outcomeIn(text)!
    },
    close: () => client.close(),
  }
}

async function overWebSocket(url: string, address: string): Promise<Stream> {
  const wire = await WebSocketWire.open(url, { headers: through(address) })
  wire.send(open())
  while (!(await wire.message()).includes('PLAIN</mechanism>'));
  return {
    async guess(guess) {
      wire.send(plain(guess))
      for (;;) {
        const outcome = outcomeIn(await wire.message())
        if (outcome !== undefined) return outcome
      }
    },
    close: () => wire.drop(),
  }
}

for (const kind of encryptedServers) {
  describeWith(kind.packages, `Guessing passwords at ${kind.name}`, () => {
    let server: XmppServer
    let service: TestService
    const streams: Stream[] = []

    const start = async (environment: Record<string, string> = {}) => {
      service = await startTestService({ servers: kind.servers(server), environment })
    }

    const keep = async (opening: Promise<Stream>) => {
      const stream = await opening
      streams.push(stream)
      return stream
    }

    const count = async (outcome: string) =>
      Number(
        new RegExp(`client_logins_total\\{outcome="${outcome}"\\} (\\d+)`).exec(await service.service.metrics())?.[1],
      )

    const audited = () =>
      service.lines
        .map(line => JSON.parse(line) as Record<string, unknown>)
        .filter(({ audit, msg }) => audit === true && msg === 'client login')

    beforeAll(async () => {
      server = await kind.start({ alice: password })
    }, 100_000)

    afterEach(async () => {
      for (const stream of streams.splice(0)) stream.close()
      await service.stop()
    })

    afterAll(() => server?.stop())

    describe.each([
      ['BOSH', overBosh],
      ['WebSocket', overWebSocket],
    ])('over %s', (_name, opening) => {
      test('ends the stream after five wrong passwords, even if the next is right', async () => {
        await start()
        const stream = await keep(opening(service.url, '203.0.113.5'))
        const outcomes: Outcome[] = []
        for (const guess of ['one', 'two', 'three', 'four', 'five', password]) outcomes.push(await stream.guess(guess))
        expect(outcomes).toEqual([...Array(5).fill('refused'), 'ended'])
        expect(await count('refused')).toBe(5)
      })

      test('still allows the right password after four wrong', async () => {
        await start()
        const stream = await keep(opening(service.url, '203.0.113.5'))
        for (const guess of ['one', 'two', 'three', 'four']) expect(await stream.guess(guess)).toBe('refused')
        expect(await stream.guess(password)).toBe('let in')
      })
    })

    test('delays logins of one address above RATE_LOGINS_PER_ADDRESS, over both transports', async () => {
      await start({ RATE_LOGINS_PER_ADDRESS: '4' })
      const first = await keep(overBosh(service.url, '203.0.113.5'))
      const second = await keep(overWebSocket(service.url, '203.0.113.5'))
      for (const guess of ['s3cret-1', 's3cret-2']) {
        expect(await first.guess(guess)).toBe('refused')
        expect(await second.guess(guess)).toBe('refused')
      }
      expect(await count('delayed')).toBe(0)
      expect(await first.guess('s3cret-3')).toBe('refused')
      expect(await count('delayed')).toBe(1)
      const alice = await keep(overWebSocket(service.url, '203.0.113.5'))
      expect(await alice.guess(password)).toBe('let in')
      expect(await count('delayed')).toBe(2)
      const elsewhere = await keep(overBosh(service.url, '203.0.113.6'))
      expect(await elsewhere.guess('s3cret-4')).toBe('refused')
      expect(await count('delayed')).toBe(2)

      const about = { code: 'not-authorized', jids: ['alice@localhost'], refused: 1 }
      expect(audited()).toMatchObject([
        { ...about, address: '203.0.113.5' },
        { ...about, address: '203.0.113.6' },
      ])
      for (const secret of ['s3cret', Buffer.from('\0alice\0s3cret').toString('base64').slice(0, 12), password])
        expect(service.lines.join('')).not.toContain(secret)
    })
  })
}
