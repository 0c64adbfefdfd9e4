// A link whose owner expects features of its streams, and answers them before they have come (XEP-0305).

import { afterEach, describe, expect, test } from '@jest/globals'
import type { Foreseen } from '../../src/exchange.js'
import { Foresight } from '../../src/warm/foresight.js'
import type { Element } from '../../src/xml/scanner.js'
import { makeCertificate } from '../support/certificates.js'
import { element } from '../support/element.js'
import {
  connect,
  plainHeader,
  proceed,
  serverHeader,
  startTls,
  startTlsOffer,
  stopServers,
  streams,
} from './call.js'

afterEach(stopServers)

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'/>`
const challenge = `<challenge xmlns='${sasl}'>cj0=</challenge>`
const request = "<iq xmlns='jabber:client' type='set' id='b1'/>"
const result = "<iq xmlns='jabber:client' type='result' id='b1'/>"

const featuresOf = (inside: string) => `<stream:features>${inside}</stream:features>`
const offering = (mechanism: string) =>
  featuresOf(`<mechanisms xmlns='${sasl}'><mechanism>${mechanism}</mechanism></mechanisms>`)
const toLogIn = offering('SCRAM-SHA-1')
const toBind = featuresOf("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")

/** Features as they come out. */
const seen = (text: string) => text.replace('<stream:features', `<stream:features xmlns:stream='${streams}'`)
const asElement = (text: string): Element => ({ name: 'features', namespace: streams, text: seen(text) })

/** The same features as before are expected of both streams, from a server that is new to it or not. */
const foresee = (isProven: boolean) => new Foresight([toLogIn, toBind].map(asElement), isProven)

/** A link that expects features; whenever any are told, the next of these is sent in the same turn. */
function connectAhead(
  foreseen: Foreseen = foresee(true),
  answers = [auth, request],
  server: Parameters<typeof connect>[0] = {},
) {
  const waiting = [...answers]
  return connect(server, {}, { wishes: { certificate: false, reached() {}, foreseen } }, (line, { link }) => {
    const answer = line.startsWith('<stream:features') ? waiting.shift() : undefined
    if (answer !== undefined) link.send([element(answer)])
  })
}

/** The same, after the server has taken what came first, and has said this. */
async function answered(said: string, foreseen?: Foreseen, answers?: string[]) {
  const { call, peer } = await connectAhead(foreseen, answers)
  await peer.until(auth)
  call.told.length = 0
  peer.packets.length = 0
  peer.send(serverHeader + said)
  await call.hears('flush')
  return { call, peer }
}

describe('a stream header', () => {
  test('leaves in one packet with what answers the features that are expected', async () => {
    const { call, peer } = await connectAhead()
    await peer.until(auth)
    expect(peer.packets).toEqual([plainHeader + auth])
    expect(call.told).toEqual([seen(toLogIn), 'flush'])
  })

  test('leaves at the end of the turn where nothing is sent in it', async () => {
    const { call, peer } = await connectAhead(foresee(true), [])
    expect(await peer.until("streams'>")).toBe(plainHeader)
    expect(call.link.backlog).toBe(0)
    call.link.send([element(auth)])
    await peer.until(auth)
    expect(peer.packets.join('')).toBe(plainHeader + auth)
  })

  test('leaves with the request that follows a login', async () => {
    const { call, peer } = await answered(toLogIn + challenge)
    call.link.restart({})
    expect(call.link.backlog).toBe((plainHeader + request).length)
    await peer.until(request)
    expect(peer.packets).toEqual([plainHeader + request])
    expect(call.told.slice(-2)).toEqual([seen(toBind), 'flush'])
  })

  test('leaves before the footer of a link that is closed in the same turn', async () => {
    const { call, peer } = await answered(toLogIn + challenge, foresee(true), [auth])
    call.link.restart({})
    call.link.close()
    expect(await peer.until('</stream:stream>')).toBe(`${plainHeader}</stream:stream>`)
  })

  test('leaves alone where nothing is expected, and waits for the features', async () => {
    const { call, peer } = await connectAhead(new Foresight())
    await peer.until("streams'>")
    expect(call.told).toEqual([])
    peer.send(serverHeader + toLogIn)
    await peer.until(auth)
    expect(peer.packets).toEqual([plainHeader, auth])
    expect(call.told.slice(0, 2)).toEqual(['open 1 example.org', seen(toLogIn)])
  })

  test('leaves alone before STARTTLS, whose offer is not what is expected, and in company after it', async () => {
    const certificate = makeCertificate(['DNS:example.org'])
    const foreseen = foresee(true)
    const { call, peer } = await connectAhead(foreseen, [auth], { tls: 'starttls', ca: certificate.cert })
    expect(await peer.until("streams'>")).toBe(plainHeader)
    peer.send(serverHeader + startTlsOffer)
    expect(await peer.until('/>')).toBe(startTls)
    expect(peer.packets).toEqual([plainHeader, startTls])
    expect(call.told).toEqual([])
    peer.packets.length = 0
    peer.send(proceed)
    await peer.secure({ ...certificate, maxVersion: 'TLSv1.2' })
    await peer.until(auth)
    expect(peer.packets).toEqual([plainHeader + auth])
    expect(call.told).toEqual([seen(toLogIn), 'flush'])
    expect(foreseen.seen).toEqual([])
  })
})

describe('inside of TLS 1.3', () => {
  test('the first stream waits for its features: no white space may stand behind what answers them', async () => {
    const certificate = makeCertificate(['DNS:example.org'])
    const { call, peer } = await connectAhead(foresee(true), [auth, request], {
      tls: 'direct',
      ca: certificate.cert,
    })
    await peer.secure({ ...certificate, minVersion: 'TLSv1.3' })
    expect((await peer.until("streams'>")).trim()).toBe(plainHeader)
    expect(call.told).toEqual([])
    peer.send(serverHeader + toLogIn)
    await peer.until(auth)
    peer.send(challenge)
    await call.hears(challenge)
    peer.packets.length = 0
    call.link.restart({})
    await peer.until(request)
    expect(peer.packets).toEqual([plainHeader + request])
  })
})

describe('the features that come', () => {
  test('are not reported again where they are the same', async () => {
    const { call, peer } = await answered(toLogIn + challenge)
    expect(call.told).toEqual(['open 1 example.org', challenge, 'flush'])
    call.link.restart({})
    await peer.until(request)
    call.told.length = 0
    peer.send(serverHeader + toBind + result)
    await call.hears('flush')
    expect(call.told).toEqual(['open 1 example.org', result, 'flush'])
  })

  test.each([true, false])(
    'are reported where they differ, by a server that is proven: %s',
    async isProven => {
      const others = offering('PLAIN')
      const foreseen = foresee(isProven)
      const { call } = await answered(others + challenge, foreseen)
      expect(call.told).toEqual(['open 1 example.org', seen(others), challenge, 'flush'])
      expect(foreseen.isMistaken).toBe(true)
    },
  )

  test('are compared on each stream with those expected of it', async () => {
    const { call } = await answered(toBind)
    expect(call.told).toEqual(['open 1 example.org', seen(toBind), 'flush'])
  })

  test('are asked for and told of two streams, and of no later one', async () => {
    const told: string[] = []
    const features = [toLogIn, toBind]
    const fake: Foreseen = {
      isProven: true,
      expected() {
        told.push('expected')
        return asElement(features[0]!)
      },
      came({ text }) {
        told.push('came')
        return text === seen(features.shift()!)
      },
      get isComplete() {
        return features.length === 0
      },
    }
    const { call, peer } = await answered(toLogIn, fake)
    call.link.restart({})
    await peer.until(request)
    peer.send(serverHeader + toBind + result)
    await call.hears(result)
    call.told.length = 0
    call.link.restart({})
    expect(await peer.until("streams'>")).toBe(plainHeader)
    peer.send(serverHeader + toLogIn)
    await call.hears('flush')
    expect(call.told).toEqual(['open 1 example.org', seen(toLogIn), 'flush'])
    expect(told).toEqual(['expected', 'came', 'expected', 'came'])
  })
})

describe('a server that is tried', () => {
  test('has three seconds for its features', async () => {
    const { call, peer } = await connectAhead(foresee(false))
    await peer.until(auth)
    call.clock.advance(2999)
    expect(call.told).toEqual([seen(toLogIn), 'flush'])
    call.clock.advance(1)
    expect(call.told.slice(2)).toEqual(['end features timeout', 'closed'])
    expect(call.clock.pending).toBe(0)
    await peer.gone
  })

  test.each([
    ['the same', toLogIn],
    ['other', offering('PLAIN')],
  ])('has them from the header to its answer, though %s features have come', async (_which, text) => {
    const { call } = await answered(text, foresee(false))
    call.clock.advance(2999)
    expect(call.told.at(-1)).toBe('flush')
    call.clock.advance(1)
    expect(call.told.slice(-2)).toEqual(['end features timeout', 'closed'])
  })

  test('has all the time once it has answered', async () => {
    const { call } = await answered(toLogIn + challenge, foresee(false))
    expect(call.clock.pending).toBe(0)
  })

  test('has them again for the stream after the login', async () => {
    const { call, peer } = await answered(toLogIn + challenge, foresee(false))
    call.clock.advance(60_000)
    call.link.restart({})
    await peer.until(request)
    peer.send(serverHeader + toBind)
    call.told.length = 0
    await call.hears('flush')
    call.clock.advance(2999)
    expect(call.told.at(-1)).toBe('flush')
    call.clock.advance(1)
    expect(call.told.slice(-2)).toEqual(['end features timeout', 'closed'])
  })

  test('has the usual ten seconds for features that are to be waited for', async () => {
    const { call, peer } = await connectAhead(new Foresight())
    await peer.until("streams'>")
    call.clock.advance(9999)
    expect(call.told).toEqual([])
    call.clock.advance(1)
    expect(call.told).toEqual(['end features timeout', 'closed'])
  })
})

describe('a server that is proven', () => {
  test('has ten seconds for its features', async () => {
    const { call, peer } = await connectAhead()
    await peer.until(auth)
    call.clock.advance(9999)
    expect(call.told).toEqual([seen(toLogIn), 'flush'])
    call.clock.advance(1)
    expect(call.told.slice(2)).toEqual(['end features timeout', 'closed'])
  })

  test('has all the time for its answer once they have come', async () => {
    const { call } = await answered(toLogIn)
    expect(call.clock.pending).toBe(0)
  })
})

test('a server may end the stream instead of answering', async () => {
  const condition = "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
  const { call, peer } = await connectAhead(foresee(false))
  await peer.until(auth)
  peer.end(`${serverHeader}<stream:error>${condition}</stream:error></stream:stream>`)
  await call.hears('end')
  expect(call.told).toContain('end features remote-stream-error policy-violation')
  await call.hears('closed')
  expect(call.clock.pending).toBe(0)
})
