import { afterEach, describe, expect, test } from '@jest/globals'
import type { Peer } from '../../src/exchange.js'
import { Endpoint } from '../../src/remote/endpoint.js'
import { EndpointSession } from '../../src/remote/endpoint-session.js'
import { HandedOverSessions } from '../../src/remote/handed-over.js'
import { RemoteLogin } from '../../src/remote/login.js'
import { idOf } from '../../src/session/sid.js'
import { eventually } from '../support/eventually.js'
import { loggedIn } from '../support/logged-in.js'
import { ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { endpointParts, usualEntry } from './parts.js'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const bosh = 'http://jabber.org/protocol/httpbind'
const creation = `<body rid='7' to='far.example' wait='60' hold='1' xmlns='${bosh}'/>`
const body = (rid: number, inside = '', attributes = '') =>
  `<body rid='${rid}' sid='s1'${attributes} xmlns='${bosh}'${inside === '' ? '/>' : `>${inside}</body>`}`
const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"
const terms = " sid='s1' wait='60' hold='1' requests='2' inactivity='45' polling='5'"

class LoginPeer implements Peer {
  readonly address = ''
  readonly secure = true
  gone = false
  whenGone: (() => void) | undefined

  leave(): void {
    this.gone = true
    this.whenGone?.()
  }
}

/** A login at a scripted endpoint. */
async function begin() {
  const there = await ScriptedEndpoint.start()
  const parts = endpointParts()
  const endpoint = new Endpoint(there.url, usualEntry, parts)
  const open = new Set<EndpointSession>()
  const elsewhere = new HandedOverSessions()
  const stop = { code: undefined as 'shutting-down' | undefined }
  const login = new RemoteLogin({
    domain: 'far.example',
    begin: () =>
      new EndpointSession({
        domain: 'far.example',
        endpoint: Promise.resolve(endpoint),
        clock: parts.clock,
        open,
      }),
    link: { encrypted: false, plainAllowed: false },
    elsewhere,
    clock: parts.clock,
    refusal: () => (stop.code === undefined ? undefined : { step: 'connect', code: stop.code }),
  })
  closers.push(
    () => there.stop(),
    () => endpoint.close(),
  )
  const peer = new LoginPeer()
  const isGone = () => eventually('nothing is left', () => open.size + parts.clock.pending + there.open === 0)
  return { there, login, peer, elsewhere, open, stop, clock: parts.clock, isGone }
}

/** A login that has its session. */
async function created(more = '') {
  const call = await begin()
  const replied = call.login.exchange(creation, call.peer)
  ;(await call.there.request()).answer('', terms + more)
  return { ...call, first: await replied }
}

const id = idOf('s1')

describe('a login at a remote endpoint', () => {
  test('passes requests and replies on as they are, with what no body can say', async () => {
    const { there, login, peer, first } = await created()
    const link = { encrypted: false, plainAllowed: false }
    expect(first).toEqual({
      ...{ status: 200, contentType: 'text/xml; charset=utf-8' },
      body: `<body${terms} xmlns='${bosh}'></body>`,
      facts: { id, link },
    })
    const replied = login.exchange(body(8, auth), peer)
    const request = await there.request()
    expect(request.body).toBe(body(8, auth))
    request.answer("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    expect((await replied).facts).toEqual({ id, link })
    expect(peer.whenGone).toBeUndefined()
  })

  test('hears how far the connection has come', async () => {
    const { there, login } = await begin()
    const steps: string[] = []
    const wishes = { certificate: false, reached: (step: string) => void steps.push(step) }
    const replied = login.exchange(creation, Object.assign(new LoginPeer(), { login: wishes }))
    ;(await there.request()).answer('', terms)
    await replied
    expect(steps).toEqual(['connect', 'features'])
  })

  test('does not hear of the connection of an endpoint that is not there', async () => {
    const { there, login, peer, isGone } = await begin()
    await there.stop()
    expect((await login.exchange(creation, peer)).facts).toMatchObject({
      failure: { step: 'connect', code: 'remote-connection-failed' },
    })
    await isGone()
  })

  test('is told how the endpoint ended the session', async () => {
    const { there, login, peer, isGone } = await created()
    const replied = login.exchange(body(8, auth), peer)
    ;(await there.request()).answer('', " type='terminate' condition='policy-violation'")
    expect((await replied).facts).toMatchObject({
      id,
      failure: { step: 'features', code: 'remote-connection-failed', condition: 'policy-violation' },
    })
    login.abandon()
    await isGone()
    expect(there.isAsked).toBe(false)
  })

  test('tries what broke once more, and then ends the session', async () => {
    const { there, login, peer, isGone } = await created()
    const replied = login.exchange(body(8, auth), peer)
    ;(await there.request()).break()
    const again = await there.request()
    expect(again.body).toBe(body(8, auth))
    again.break()
    const { body: text, facts } = await replied
    expect(text).toContain("type='terminate'")
    expect(facts).toMatchObject({ id, failure: { step: 'features', code: 'remote-connection-failed' } })
    login.abandon()
    const terminate = await there.request()
    expect(terminate.body).toBe(body(9, '', " type='terminate'"))
    terminate.answer()
    await isGone()
    expect(there.mostOpen).toBe(1)
  })

  test('leaves a pause between two empty requests where the first was answered with nothing', async () => {
    const { there, login, peer, clock } = await created()
    const first = login.exchange(body(8), peer)
    ;(await there.request()).answer()
    await first
    const second = login.exchange(body(9), peer)
    clock.advance(4999)
    expect(there.isAsked).toBe(false)
    clock.advance(1)
    ;(await there.request()).answer("<message xmlns='jabber:client'/>")
    await second
    const third = login.exchange(body(10), peer)
    ;(await there.request()).answer()
    await third
    // What has something in it need not wait, nor what opens the stream again.
    const fourth = login.exchange(body(11, auth), peer)
    ;(await there.request()).answer()
    await fourth
    const restart = " xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'"
    const fifth = login.exchange(body(12, '', restart), peer)
    ;(await there.request()).answer()
    await fifth
  })

  test('that is left in a pause is over', async () => {
    const { there, login, peer, isGone } = await created()
    const first = login.exchange(body(8), peer)
    ;(await there.request()).answer()
    await first
    const second = login.exchange(body(9), peer)
    peer.leave()
    const terminate = await there.request()
    expect(terminate.rid).toBe(9)
    terminate.answer()
    expect((await second).facts?.failure?.code).toBe('remote-connection-failed')
    await isGone()
  })

  test('that is left with a request open breaks that off and ends the session', async () => {
    const { there, login, peer, isGone } = await created()
    const replied = login.exchange(body(8, auth), peer)
    const request = await there.request()
    peer.leave()
    expect(await request.over).toBe('gone')
    const terminate = await there.request()
    expect(terminate.body).toBe(body(9, '', " type='terminate'"))
    terminate.answer('', " type='terminate'")
    await replied
    await isGone()
  })

  test('that is left with a request that has not gone out ends the session without a gap before the end', async () => {
    const { there, login, peer, isGone } = await created()
    const replied = login.exchange(body(8, auth), peer)
    peer.leave()
    const terminate = await there.request()
    expect(terminate.body).toBe(body(8, '', " type='terminate'"))
    terminate.answer('', " type='terminate'")
    await replied
    await isGone()
  })

  test('that is left while its session is created waits for it, to end it', async () => {
    const { there, login, peer, isGone } = await begin()
    const replied = login.exchange(creation, peer)
    const request = await there.request()
    peer.leave()
    request.answer('', terms)
    const terminate = await there.request()
    expect(terminate.body).toBe(body(8, '', " type='terminate'"))
    terminate.answer()
    await replied
    await isGone()
  })

  test('that is left while its session is created does not wait for long', async () => {
    const { there, login, peer, clock, isGone } = await begin()
    const replied = login.exchange(creation, peer)
    const request = await there.request()
    peer.leave()
    clock.advance(9999)
    expect(there.open).toBe(1)
    clock.advance(1)
    expect(await request.over).toBe('gone')
    expect((await replied).facts?.failure?.code).toBe('remote-connection-failed')
    await isGone()
  })

  test('is refused while the service stops', async () => {
    const { there, login, peer, stop, isGone } = await begin()
    stop.code = 'shutting-down'
    expect((await login.exchange(creation, peer)).facts?.failure?.code).toBe('shutting-down')
    expect(there.connections).toBe(0)
    await isGone()
  })

  test('is broken off when the service stops', async () => {
    const { there, login, peer, stop, open } = await created()
    const replied = login.exchange(body(8, auth), peer)
    await there.request()
    stop.code = 'shutting-down'
    for (const session of open) session.abandon()
    expect((await replied).facts?.failure?.code).toBe('shutting-down')
    ;(await there.request()).answer()
  })
})

describe('a session that is handed over', () => {
  test('goes on at the endpoint, for as long as that keeps it', async () => {
    const { there, login, elsewhere, open, clock, isGone } = await created()
    clock.advance(1000)
    const session = loggedIn(120, { jid: 'juliet@far.example/balcony' })
    expect(login.handOver(id, session)).toEqual({ url: there.url, expiresIn: 45 })
    expect(open.size).toBe(0)
    const view = {
      ...{ id, jid: 'juliet@far.example/balcony', domain: 'far.example', origin: 'warmed' },
      ...{ state: 'elsewhere', createdAt: 1000, quietSince: undefined },
    }
    expect(elsewhere.get(id)).toEqual(view)
    expect([...elsewhere.list()]).toEqual([view])
    await isGone()
    expect(there.isAsked).toBe(false)
  })

  test('is ended if nobody ever heard of it', async () => {
    const { there, login, elsewhere, isGone } = await created()
    login.handOver(id, loggedIn(120))
    elsewhere.release('another')
    elsewhere.release(id)
    const terminate = await there.request()
    expect(terminate.body).toBe(body(8, '', " type='terminate'"))
    terminate.answer()
    await isGone()
    expect(elsewhere.get(id)).toBeUndefined()
  })

  test('is none if the endpoint has ended it', async () => {
    const { there, login, peer, elsewhere } = await created()
    const replied = login.exchange(body(8, auth), peer)
    ;(await there.request()).answer('', " type='terminate'")
    await replied
    expect(login.handOver(id, loggedIn(120))).toBeUndefined()
    expect(elsewhere.get(id)).toBeUndefined()
  })

  test('is none before there is one', async () => {
    const { login } = await begin()
    expect(login.handOver(id, loggedIn(120))).toBeUndefined()
    login.abandon()
  })
})
