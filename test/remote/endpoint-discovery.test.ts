import { describe, expect, test } from '@jest/globals'
import { createEndpoints } from '../../src/remote/endpoint.js'
import { linksInXrd } from '../../src/remote/endpoint-discovery.js'
import { makeCertificate } from '../support/certificates.js'
import { stoppedAfterEach } from '../support/closers.js'
import { cpuTime } from '../support/cpu-time.js'
import type { FakeClock } from '../support/fake-clock.js'
import { type EndpointRequest, ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { endpointParts, faultOf, namesOf, staysUnasked, usualEntry } from './parts.js'

const certificate = makeCertificate(['DNS:localhost', 'DNS:other.example'])
const stopped = stoppedAfterEach()

async function begin(about: Partial<typeof usualEntry> = {}) {
  const there = await stopped(ScriptedEndpoint.start(certificate))
  const names = namesOf({ 'other.example': ['127.0.0.1'] })
  const parts = endpointParts({ names })
  const entry = { ...usualEntry, ca: certificate.cert, ...about }
  const endpoints = createEndpoints({ ...parts, about: entry, port: there.port })
  const hostMeta = { endpointOf: async (domain: string) => (await endpoints.of(domain)).url }
  return { there, hostMeta, clock: parts.clock }
}

const relation = 'urn:xmpp:alt-connections:xbosh'
const json = (...links: object[]) => JSON.stringify({ links })
const xrd = (links: string, attributes = " xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'") =>
  `<?xml version='1.0' encoding='utf-8'?><XRD${attributes}><Subject>x</Subject>${links}</XRD>`
const found = 'https://chat.example/http-bind'
const notFound = { step: 'resolve', code: 'host-unknown', aftermath: 'none' }

describe('the BOSH endpoint of a domain', () => {
  test('is found in its host-meta in JSON', async () => {
    const { there, hostMeta } = await begin()
    const asked = hostMeta.endpointOf('localhost')
    const request = await there.request()
    expect(request.message).toMatchObject({ method: 'GET', url: '/.well-known/host-meta.json' })
    const links = json(
      { rel: 'lrdd', href: 'https://localhost/lrdd' },
      { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://chat.example/ws' },
      { rel: relation, href: 'http://chat.example/insecure' },
      { rel: relation, href: found },
      { rel: relation, href: 'https://chat.example/second' },
    )
    request.send(200, links)
    expect(await asked).toBe(found)
  })

  test('is found in its host-meta in XML if there is no JSON', async () => {
    const { there, hostMeta } = await begin()
    const asked = hostMeta.endpointOf('localhost')
    ;(await there.request()).send(404, 'Not Found')
    const request = await there.request()
    expect(request.message.url).toBe('/.well-known/host-meta')
    request.send(
      200,
      xrd(
        `<!-- our <chat> --><Link rel='${relation}' href='http://chat.example/insecure'/><Link rel="${relation}" href="https://chat.example/http-bind?a=b&amp;c"><Title>BOSH</Title></Link>`,
      ),
    )
    expect(await asked).toBe('https://chat.example/http-bind?a=b&c')
  })

  test.each<[string, number, string | Buffer]>([
    ['a file that is no JSON', 200, '<html/>'],
    ['JSON without links', 200, '{}'],
    ['JSON that is no object', 200, 'null'],
    ['invalid links', 200, json({ rel: relation }, { rel: relation, href: 1 }, { rel: relation, href: 'x' })],
    ['links that are not an array', 200, '{"links":{"rel":"x"}}'],
    ['links that are not objects', 200, '{"links":[null,1,"x"]}'],
    ['an http URL', 200, json({ rel: relation, href: 'http://chat.example/' })],
    [
      'a URL of more than 2,048 characters',
      200,
      json({ rel: relation, href: `https://chat.example/${'é'.repeat(400)}` }),
    ],
    ['a URL with a password', 200, json({ rel: relation, href: 'https://a:b@chat.example/' })],
    ['a URL with a fragment', 200, json({ rel: relation, href: 'https://chat.example/#a' })],
    ['an error of the server', 500, ''],
    ['a long error page', 404, ' '.repeat(65_537)],
    ['an error page that is not UTF-8', 404, Buffer.from('Page non trouv\xe9e', 'latin1')],
  ])('is searched in the XML after %s', async (_, status, answer) => {
    const { there, hostMeta } = await begin()
    const asked = hostMeta.endpointOf('localhost')
    ;(await there.request()).send(status, answer)
    // Without a second request, the search has failed.
    const request = await Promise.race([there.request(), asked.then(() => undefined)])
    request?.send(200, xrd(`<Link rel='${relation}' href='${found}'/>`))
    expect(await asked).toBe(found)
  })

  test.each([
    ['missing', 404, ''],
    ['missing for now', 503, '', 'remote-connection-failed'],
    ['refused because of too many requests', 429, '', 'remote-connection-failed'],
    ['missing, with a long page,', 404, ' '.repeat(65_537)],
    ['a redirect', 301, ''],
    ['not well-formed', 200, 'It works!'],
    ['a file with a document type', 200, `<!DOCTYPE XRD [<!ENTITY a "b">]>${xrd('').replace(/^.*\?>/, '')}`],
    ['another document', 200, '<html xmlns="http://www.w3.org/1999/xhtml"/>'],
    ['another namespace', 200, xrd(`<Link rel='${relation}' href='${found}'/>`, " xmlns='urn:x'")],
    ['a file without a link', 200, xrd('')],
    ['a link without a URL', 200, xrd(`<Link rel='${relation}'/>`)],
    ['a link to an http URL', 200, xrd(`<Link rel='${relation}' href='http://chat.example/'/>`)],
  ])('is unknown if the XML is %s', async (_, status, text, code = 'host-unknown') => {
    const { there, hostMeta } = await begin()
    const asked = faultOf(hostMeta.endpointOf('localhost'))
    ;(await there.request()).send(404, '')
    ;(await there.request()).send(status, text, { Location: 'https://localhost/elsewhere' })
    expect(await asked).toEqual({ ...notFound, code })
    await staysUnasked(there)
  })

  test('is not unknown if the JSON is missing for now, and there is no XML', async () => {
    const { there, hostMeta } = await begin()
    const asked = faultOf(hostMeta.endpointOf('localhost'))
    ;(await there.request()).send(503, '')
    ;(await there.request()).send(404, '')
    expect(await asked).toEqual({ ...notFound, code: 'remote-connection-failed' })
  })

  test('is unknown if the domain has no host, or the certificate of the host is not trusted', async () => {
    const { there, hostMeta } = await begin({ ca: undefined })
    expect(await faultOf(hostMeta.endpointOf('nobody.example'))).toEqual(notFound)
    expect(await faultOf(hostMeta.endpointOf('localhost'))).toEqual({ ...notFound, code: 'certificate-invalid' })
    await staysUnasked(there)
  })

  test.each<[string, string, (request: EndpointRequest, clock: FakeClock) => void]>([
    ['breaks the connection', 'remote-connection-failed', request => request.break()],
    ['sends too much', 'remote-protocol-error', request => request.send(200, ' '.repeat(65_537))],
    ['sends nothing for five seconds', 'timeout', (_request, clock) => clock.advance(5000)],
  ])('is unknown if the host %s', async (_, code, act) => {
    const { there, hostMeta, clock } = await begin()
    const asked = faultOf(hostMeta.endpointOf('localhost'))
    act(await there.request(), clock)
    expect(await asked).toEqual({ ...notFound, code })
    expect(clock.pending).toBe(0)
  })
})

describe('BOSH endpoints that were found', () => {
  test('are fetched once for all callers, and cached for ten minutes', async () => {
    const { there, hostMeta, clock } = await begin()
    const asked = [1, 2, 3].map(() => hostMeta.endpointOf('localhost'))
    ;(await there.request()).send(200, json({ rel: relation, href: found }))
    expect(await Promise.all(asked)).toEqual([found, found, found])
    clock.advance(599_000)
    expect(await hostMeta.endpointOf('localhost')).toBe(found)
    await staysUnasked(there)
    clock.advance(1_000)
    const again = hostMeta.endpointOf('localhost')
    ;(await there.request()).send(200, json({ rel: relation, href: 'https://chat.example/new' }))
    expect(await again).toBe('https://chat.example/new')
  })

  test('stay unknown for half a minute after a failure', async () => {
    const { there, hostMeta, clock } = await begin()
    const asked = faultOf(hostMeta.endpointOf('localhost'))
    for (const _ of [1, 2]) (await there.request()).send(404, '')
    expect(await asked).toEqual(notFound)
    clock.advance(29_000)
    expect(await faultOf(hostMeta.endpointOf('localhost'))).toEqual(notFound)
    await staysUnasked(there)
    clock.advance(1_000)
    const again = hostMeta.endpointOf('localhost')
    ;(await there.request()).send(200, json({ rel: relation, href: found }))
    expect(await again).toBe(found)
  })
})

describe('comments in host-meta', () => {
  const oneLink = "<Link rel='r' href='h'/>"

  test.each([
    [`<!-- a -->${oneLink}<!---->`, [{ rel: 'r', href: 'h' }]],
    [`<!--${oneLink}-->`, []],
    // `<!-->` is only a beginning.
    [`<!--->a-->${oneLink}`, [{ rel: 'r', href: 'h' }]],
  ])('comments are left out: %s', (inside, expected) => {
    expect(linksInXrd(xrd(inside))).toEqual(expected)
  })

  test.each(['<!-- no end', '<!-- a -- b -->'])('a comment that is not well-formed is refused: %s', comment => {
    expect(() => linksInXrd(xrd(comment))).toThrow()
  })

  test.each(['<!--', '<!---->', '<!-', '<!-- ', '-->'])('half a megabyte of %j takes milliseconds', piece => {
    const text = piece.repeat(Math.floor((512 * 1024) / piece.length))
    const before = cpuTime()
    expect(() => linksInXrd(text)).toThrow()
    // With a search for each beginning, this took 13 seconds.
    expect(cpuTime() - before).toBeLessThan(2_000)
  })
})
