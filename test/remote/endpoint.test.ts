import { createServer as createTcpServer } from 'node:net'
import { describe, expect, test } from '@jest/globals'
import { createEndpoint, createEndpoints } from '../../src/remote/endpoint.js'
import type { EndpointReply } from '../../src/remote/endpoint-reply.js'
import { makeCertificate } from '../support/certificates.js'
import { calledAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { Listener } from '../support/listener.js'
import { ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { endpointParts, faultOf, namesOf, staysUnasked, usualEntry } from './parts.js'

const certificate = makeCertificate(['DNS:localhost'])
const closers = calledAfterEach()

async function connect(
  about: Partial<typeof usualEntry> = {},
  more: Parameters<typeof endpointParts>[0] = {},
  credentials?: typeof certificate,
) {
  const there = await ScriptedEndpoint.start(credentials)
  const parts = endpointParts({ about: { ...usualEntry, ...about }, ...more })
  const here = createEndpoint(there.url, parts)
  closers.push(
    () => there.stop(),
    () => here.close(),
  )
  return { there, here, clock: parts.clock }
}

const broken = { code: 'remote-connection-failed', aftermath: 'broke' }

const textsOf = ({ payload }: EndpointReply) => payload.map(({ text }) => text)

/** A program that says this to each connection that has sent something, and closes it, or stays silent. */
async function programThatSays(text?: string): Promise<number> {
  const server = createTcpServer(socket => {
    if (text !== undefined) socket.once('data', () => socket.end(text))
  })
  const listener = await Listener.start(server)
  closers.push(() => listener.stop())
  return listener.port
}

describe('a remote BOSH endpoint', () => {
  test('gets bodies as XML in UTF-8, with the headers in the settings', async () => {
    const headers = [
      ['X-Token', 'secret'],
      ['x-many', '1'],
      ['X-Many', '2'],
      ['Accept-Encoding', 'gzip'],
    ] as const
    const { there, here } = await connect({}, { headers })
    const replied = here.exchange('<body>ä</body>', 60)
    const request = await there.request()
    expect(request.body).toBe('<body>ä</body>')
    expect(request.message).toMatchObject({ method: 'POST', url: there.path })
    expect(request.message.headers).toMatchObject({
      host: `127.0.0.1:${there.port}`,
      'content-type': 'text/xml; charset=utf-8',
      'content-length': '15',
      'accept-encoding': 'identity',
      'x-token': 'secret',
      'x-many': '1, 2',
    })
    request.answer("<iq id='ä'/>")
    expect(textsOf(await replied)).toEqual(["<iq xmlns='jabber:client' id='ä'/>"])
  })

  test.each([
    ['http', undefined, 'tcp', ['connect', 'features']],
    ['https', certificate, 'tls', ['connect', 'tls', 'features']],
  ])('over %s: the sender hears once whether the connection is new', async (_scheme, credentials, fresh, steps) => {
    const { there, here } = await connect(credentials === undefined ? {} : { ca: credentials.cert }, {}, credentials)
    expect(here.url).toBe(there.url)
    const sent: string[] = []
    const reached: string[] = []
    for (const text of ['one', 'two']) {
      const replied = here.exchange(text, 60, { onSent: over => sent.push(over), reached: step => reached.push(step) })
      const request = await there.request()
      request.answer()
      await replied
      await request.over
    }
    expect(sent).toEqual([fresh, 'known'])
    expect(reached).toEqual([...steps, 'connect', 'features'])
  })

  test('gets a repeated request over a new connection that closes after the reply', async () => {
    const { there, here } = await connect()
    const first = here.exchange('one', 60)
    ;(await there.request()).answer()
    await first
    const second = here.exchange('two', 60, { afresh: true })
    const request = await there.request()
    expect(there.connections).toBe(2)
    expect(request.message.headers.connection).toBe('close')
    request.answer()
    await second
  })

  test('may hold a request for each of many sessions', async () => {
    const { there, here } = await connect()
    const replies = Array.from({ length: 70 }, (_, index) => here.exchange(String(index), 60))
    const requests = []
    for (const _ of replies) requests.push(await there.request())
    expect(there.open).toBe(70)
    for (const request of requests) request.answer('', ` sid='${request.body}'`)
    const sids = (await Promise.all(replies)).map(({ root }) => root.attribute('sid'))
    expect(sids).toEqual(replies.map((_, index) => `${index}`))
  })

  test('may send elements that are too large or too many: they are dropped', async () => {
    const { there, here } = await connect()
    const replied = here.exchange('', 60)
    const [small, middle, large] = [1, 20_000, 300_000].map(size => `<m>${'x'.repeat(size)}</m>`)
    const bosh = 'http://jabber.org/protocol/httpbind'
    const start = `<body k='&lt;&apos;' xmlns='${bosh}' xmlns:p='urn:p'>`
    const request = await there.request()
    request.send(200, `${start}${small}<p:a/>${large}${middle}<q:b/>${middle}${middle}${middle}${small}</body>\n`)
    const own = (text = '') => text.replace('<m>', `<m xmlns='${bosh}'>`)
    const dropped = { name: 'm', namespace: bosh, text: `<m xmlns='${bosh}'/>` }
    const reply = await replied
    expect(reply.root.attribute('k')).toBe("<'")
    const prefixed = "<p:a xmlns:p='urn:p'/>"
    expect(textsOf(reply)).toEqual([own(small), prefixed, ...Array(3).fill(own(middle)), own(small)])
    expect(reply.dropped).toEqual([dropped, undefined, dropped])
  })
})

describe('the endpoints of several domains', () => {
  const domains = ['a.example', 'b.example', 'c.example']
  const hosts = makeCertificate([...domains, 'localhost'].map(name => `DNS:${name}`))

  async function begin(most: number) {
    const there = await ScriptedEndpoint.start(hosts)
    const names = namesOf(Object.fromEntries(domains.map(domain => [domain, ['127.0.0.1']])))
    const about = { ...usualEntry, ca: hosts.cert }
    const parts = endpointParts({ names, about, port: there.port })
    const endpoints = createEndpoints(parts, most)
    closers.push(
      () => there.stop(),
      () => endpoints.close(),
    )
    const endpointOf = async (domain: string) => {
      const found = endpoints.of(domain)
      const links = [{ rel: 'urn:xmpp:alt-connections:xbosh', href: `${there.url}/${domain}` }]
      ;(await there.request()).send(200, JSON.stringify({ links }))
      return found
    }
    const ask = async (endpoint: Awaited<ReturnType<typeof endpointOf>>) => {
      const replied = endpoint.exchange('', 60)
      const request = await there.request()
      return {
        socket: request.message.socket,
        async answer() {
          request.answer()
          await replied
          await request.over
        },
      }
    }
    return { endpoints, endpointOf, ask }
  }

  test('are forgotten in the order of their last use', async () => {
    const { endpoints, endpointOf } = await begin(2)
    const a = await endpointOf('a.example')
    await endpointOf('b.example')
    expect(await endpoints.of('a.example')).toBe(a)
    await endpointOf('c.example')
    expect(await endpoints.of('a.example')).toBe(a)
  })

  test('that are forgotten serve their sessions over the same connections', async () => {
    const { endpointOf, ask } = await begin(1)
    const a = await endpointOf('a.example')
    const first = await ask(a)
    await endpointOf('b.example')
    await first.answer()
    const second = await ask(a)
    expect(second.socket).toBe(first.socket)
    await second.answer()
    a.close()
  })
})

describe('faults of an endpoint:', () => {
  const wrong = { step: 'features', code: 'remote-protocol-error', aftermath: 'none' }

  test('it refuses connections', async () => {
    const { there, here, clock } = await connect()
    await there.stop()
    expect(await faultOf(here.exchange('', 60))).toEqual({ step: 'connect', ...broken })
    expect(clock.pending).toBe(0)
  })

  test.each([
    ['breaks the connection within an answer that is too long', `<body>${'<a/>'.repeat(20_000)}`],
    ['sends something that is not text', Buffer.from([0x3c, 0xff])],
  ])('it %s', async (_what, answer) => {
    const { there, here } = await connect()
    const replied = faultOf(here.exchange('', 60))
    ;(await there.request()).send(200, answer)
    expect(await replied).toEqual(wrong)
  })

  test.each([
    ['announced in Content-Length', { 'Content-Length': `${16 * 65_536 + 1}` }, 'x'],
    ['in chunks', {}, `<body>${' '.repeat(16 * 65_536)}`],
    ['that is no XML', {}, 'x'.repeat(65_537)],
    ['text that is not UTF-8', {}, `<body>\ud800${'x'.repeat(65_537)}<`],
  ])('it sends too much, %s', async (_, headers, text) => {
    const { there, here, clock } = await connect()
    const replied = faultOf(here.exchange('', 60))
    const request = await there.request()
    request.begin(text, headers)
    expect(await replied).toEqual(wrong)
    expect(await request.over).toBe('gone')
    expect(clock.pending).toBe(0)
  })

  test.each([
    ['it does not speak HTTP', '220 mail.example ESMTP\r\n'],
    ['it switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
  ])('%s', async (_, text) => {
    const here = createEndpoint(`http://127.0.0.1:${await programThatSays(text)}/`, endpointParts())
    expect(await faultOf(here.exchange('', 60))).toEqual(wrong)
  })
})

describe('an encrypted remote endpoint', () => {
  const invalid = { step: 'tls', code: 'certificate-invalid', aftermath: 'none' }

  test.each([
    ['is not trusted', {}, certificate, 'It is self-signed.'],
    ['is for another name', undefined, makeCertificate(['DNS:example.org']), 'for example.org, not for localhost'],
    ['has expired', undefined, makeCertificate(['DNS:localhost'], { expired: true }), 'expired'],
  ])('is refused if its certificate %s', async (_, about, credentials, told) => {
    const { there, here, clock } = await connect(about ?? { ca: credentials.cert }, {}, credentials)
    const posted = here.exchange('secret', 60)
    expect(await faultOf(posted)).toEqual(invalid)
    const { failure } = await posted.catch(error => error)
    expect(failure.cause.message).toContain(told)
    await staysUnasked(there)
    expect(clock.pending).toBe(0)
  })

  test('is not verified if the operator turns this off', async () => {
    const { there, here } = await connect({ verify: false }, {}, certificate)
    const replied = here.exchange('', 60)
    ;(await there.request()).answer()
    await replied
  })

  test('without TLS is distinguished from an endpoint with an invalid certificate', async () => {
    const { there } = await connect()
    const here = createEndpoint(`https://localhost:${there.port}/`, endpointParts())
    expect(await faultOf(here.exchange('', 60))).toEqual({ step: 'tls', ...broken })
  })

  test('has a time limit for connecting', async () => {
    const parts = endpointParts()
    const here = createEndpoint(`https://localhost:${await programThatSays()}/`, parts)
    const reached: string[] = []
    const replied = faultOf(here.exchange('', 60, { reached: step => reached.push(step) }))
    await eventually('it is connected', () => reached.includes('tls'))
    parts.clock.advance(5000)
    expect(await replied).toEqual({ step: 'tls', code: 'timeout', aftermath: 'broke' })
    expect(parts.clock.pending).toBe(0)
  })
})
