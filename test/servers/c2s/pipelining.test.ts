// A link whose owner sends data before the features arrive (XEP-0305).
import { afterEach, describe, expect, test } from '@jest/globals'
import type { StreamOptions } from '../../../src/xmpp/link.js'
import { element } from '../../support/element.js'
import {
  certificate,
  connect,
  plainHeader,
  proceed,
  serverHeader,
  startTls,
  startTlsOffer,
  stopServers,
  streams,
  toldAfter,
} from './call.js'

afterEach(stopServers)

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'/>`
const challenge = `<challenge xmlns='${sasl}'>cj0=</challenge>`
const request = "<iq xmlns='jabber:client' type='set' id='b1'/>"
const result = "<iq xmlns='jabber:client' type='result' id='b1'/>"

const featuresOf = (inside: string) => `<stream:features>${inside}</stream:features>`
const toLogIn = featuresOf(`<mechanisms xmlns='${sasl}'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>`)
const toBind = featuresOf("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")

const seen = (text: string) => text.replace('<stream:features', `<stream:features xmlns:stream='${streams}'`)

type Ahead = StreamOptions['ahead']

/** At each `onAhead`, sends the next text of `said`. */
function connectAhead(ahead: Ahead = 'proven', said = [auth, request], server: Parameters<typeof connect>[0] = {}) {
  const waiting = [...said]
  return connect(server, { ahead }, {}, (line, { link }) => {
    const next = line === 'ahead' ? waiting.shift() : undefined
    if (next !== undefined) link.send([element(next)])
  })
}

/** The server has received the first text, and has sent `said`. */
async function answered(said: string, ahead?: Ahead, sent?: string[]) {
  const { call, peer } = await connectAhead(ahead, sent)
  await peer.until(auth)
  call.told.length = 0
  peer.packets.length = 0
  peer.send(serverHeader + said)
  await call.hears('flush')
  return { call, peer }
}

describe('the header of a pipelined stream', () => {
  test('is sent at the end of the turn if there is no more data', async () => {
    const { call, peer } = await connectAhead('proven', [])
    expect(await peer.until("streams'>")).toBe(plainHeader)
    expect(call.link.backlog).toBe(0)
    call.link.send([element(auth)])
    await peer.until(auth)
    expect(peer.packets.join('')).toBe(plainHeader + auth)
  })

  test('is sent with the request that follows a login', async () => {
    const { call, peer } = await answered(toLogIn + challenge)
    call.link.restart({ ahead: 'proven' })
    expect(call.link.backlog).toBe((plainHeader + request).length)
    await peer.until(request)
    expect(peer.packets).toEqual([plainHeader + request])
    expect(call.told.at(-1)).toBe('ahead')
  })

  test('is sent alone before STARTTLS, and with other data after it', async () => {
    const { call, peer } = await connectAhead('proven', [auth], { tls: 'starttls', ca: certificate.cert })
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
    expect(call.told).toEqual(['ahead'])
  })

  test('of a later stream is sent alone unless pipelining is requested again', async () => {
    const { call, peer } = await answered(toLogIn + challenge)
    call.link.restart()
    expect(await peer.until("streams'>")).toBe(plainHeader)
    peer.send(serverHeader + toBind)
    expect(await call.hears(seen(toBind))).not.toContain('ahead')
  })
})

test('over TLS 1.3 no login is pipelined on the first stream: white space may follow the header', async () => {
  const { call, peer } = await connectAhead('proven', [request], { tls: 'direct', ca: certificate.cert })
  await peer.secure({ ...certificate, minVersion: 'TLSv1.3' })
  expect((await peer.until("streams'>")).trim()).toBe(plainHeader)
  expect(call.told).toEqual([])
  peer.send(serverHeader + toLogIn)
  await call.hears('flush')
  call.link.send([element(auth)])
  await peer.until(auth)
  peer.send(challenge)
  await call.hears(challenge)
  peer.packets.length = 0
  call.link.restart({ ahead: 'proven' })
  await peer.until(request)
  expect(peer.packets).toEqual([plainHeader + request])
})

test('features are reported also after pipelined data', async () => {
  const { call, peer } = await answered(toLogIn + challenge)
  expect(call.told).toEqual(['open 1 example.org', seen(toLogIn), challenge, 'flush'])
  call.link.restart({ ahead: 'proven' })
  await peer.until(request)
  call.told.length = 0
  peer.send(serverHeader + toBind + result)
  expect(await call.hears('flush')).toEqual(['open 1 example.org', seen(toBind), result, 'flush'])
})

describe('a server in its first pipelined login', () => {
  test('has three seconds from the header to its answer, even if its features arrive', async () => {
    const { call } = await answered(toLogIn, 'trial')
    expect(toldAfter(call, 3_000)).toEqual(['end features timeout', 'closed'])
    const other = await answered(toLogIn + challenge, 'trial')
    expect(other.call.clock.pending).toBe(0)
  })

  test('has three seconds again for the stream after the login', async () => {
    const { call, peer } = await answered(toLogIn + challenge, 'trial')
    call.clock.advance(60_000)
    call.link.restart({ ahead: 'trial' })
    await peer.until(request)
    peer.send(serverHeader + toBind)
    call.told.length = 0
    await call.hears('flush')
    expect(toldAfter(call, 3_000)).toEqual(['end features timeout', 'closed'])
  })
})

describe('a server that has handled pipelining before', () => {
  test('has ten seconds for its features, and then unlimited time for its answer', async () => {
    const { call, peer } = await connectAhead()
    await peer.until(auth)
    expect(toldAfter(call, 10_000)).toEqual(['end features timeout', 'closed'])
    const other = await answered(toLogIn)
    expect(other.call.clock.pending).toBe(0)
  })
})
