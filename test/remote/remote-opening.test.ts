// A session that logs in here, and continues at a remote endpoint.
import { describe, expect, test } from '@jest/globals'
import type { BoshLink } from '../../src/remote/bosh-link.js'
import { hashOf } from '../../src/session/sid.js'
import type { LinkEnd, LinkEvents } from '../../src/xmpp/link.js'
import { calledAfterEach } from '../support/closers.js'
import { element } from '../support/element.js'
import { eventually } from '../support/eventually.js'
import { type EndpointRequest, ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { remotesOf, staysUnasked } from './parts.js'

const closers = calledAfterEach()

const features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>"
const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"
const success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
const terms = " sid='s1' wait='20' hold='1' requests='2' inactivity='45' polling='5' ver='1.8'"
const ending = " type='terminate'"
const id = hashOf('s1')
const jid = 'juliet@far.example/balcony'

const tab = { admin: 'portal', user: 'juliet@far.example', visit: 'v1', tab: 't1' }
const handover = { seconds: 30, attachBinding: 'off' } as const

async function begin() {
  const there = await ScriptedEndpoint.start()
  const entry = { url: there.url, allowsPlain: true }
  const { remotes, clock, phase } = remotesOf({ 'far.example': entry }, { remote: { attach: 'there', headers: [] } })
  const told: string[] = []
  const ends: LinkEnd['failure'][] = []
  const events: LinkEvents = {
    onStep: step => void told.push(`at ${step}`),
    onOpen: () => told.push('open'),
    onElement: ({ name }) => told.push(name),
    onEnd: ({ failure }) => ends.push(failure),
  }
  const open = () => remotes.openThere('far.example', { lang: 'de', wait: 20, hold: 1, ver: '1.8', tab }, events)!
  const opening = open()
  closers.push(
    () => there.stop(),
    () => remotes.close(),
  )
  return {
    ...{ there, remotes, phase, open, opening, elsewhere: remotes.elsewhere, told, ends, clock },
    termsOf: () => (opening.link as BoshLink).terms,
    handOver: () => opening.handOver(jid, [], handover),
    isGone: () => eventually('nothing is left', () => remotes.size + clock.pending + there.open === 0),
    hears: (what: string) => eventually(`${what} is told`, () => told.includes(what)),
    isOver: () => eventually('it is over', () => ends.length > 0),
  }
}

/** The endpoint has answered the creation. */
async function created() {
  const call = await begin()
  const creation = await call.there.request()
  creation.answer(features, terms)
  await call.hears('features')
  /** Returns the next request, after the pause between requests. */
  const next = () => {
    call.clock.advance(100)
    return call.there.request()
  }
  /** Sends the login. Returns its request. */
  const logsIn = () => {
    call.opening.link.send([element(auth)])
    return next()
  }
  return { ...call, creation, next, logsIn }
}

/** The session is ended with the rid after this request's. */
async function endsAfter({ rid }: EndpointRequest, there: ScriptedEndpoint): Promise<void> {
  const terminate = await there.request()
  expect([terminate.rid, terminate.attribute('type')]).toEqual([rid + 1, 'terminate'])
  terminate.answer('', ending)
}

describe('a login at a remote endpoint', () => {
  test('sends the requested wait, hold and language, and one request at a time', async () => {
    const { there, opening, termsOf, told, hears, creation, logsIn } = await created()
    expect(creation.body).toContain(" xml:lang='de' ")
    expect(creation.body).toContain(" wait='20' hold='1' ver='1.8' ")
    expect([opening.id, termsOf()?.sid]).toEqual([id, 's1'])
    const request = await logsIn()
    expect([request.rid, request.payload]).toEqual([creation.rid + 1, auth])
    request.answer(success)
    await hears('success')
    expect(told).toEqual(['at connect', 'at features', 'open', 'features', 'success'])
    expect(there.mostOpen).toBe(1)
  })

  test('that is abandoned with an open request aborts it and ends the session', async () => {
    const { there, opening, ends, isGone, logsIn } = await created()
    const request = await logsIn()
    opening.abandon()
    expect(await request.over).toBe('gone')
    await endsAfter(request, there)
    await isGone()
    expect(ends).toEqual([])
  })

  test('that is abandoned with an unsent request ends the session with the next rid', async () => {
    const { there, opening, creation, isGone } = await created()
    opening.link.send([element(auth)])
    opening.abandon()
    await endsAfter(creation, there)
    await isGone()
  })

  test('that is abandoned while its session is created waits for the creation, to end the session', async () => {
    const { there, opening, ends, isGone } = await begin()
    const creation = await there.request()
    opening.abandon()
    creation.answer('', terms)
    await endsAfter(creation, there)
    await isGone()
    expect(ends).toEqual([])
  })

  test('that is abandoned while its session is created waits ten seconds at most', async () => {
    const { there, opening, clock, isGone } = await begin()
    const creation = await there.request()
    opening.abandon()
    clock.advance(9999)
    expect(there.open).toBe(1)
    clock.advance(1)
    expect(await creation.over).toBe('gone')
    await isGone()
  })

  test('is aborted when the service stops, and no other begins', async () => {
    const { there, remotes, phase, open, ends, isGone, logsIn } = await created()
    await logsIn()
    phase.begin('ending')
    remotes.shutDown()
    expect(open).toThrow(expect.objectContaining({ code: 'shutting-down' }))
    expect(ends).toEqual([{ step: 'connect', code: 'shutting-down' }])
    ;(await there.request()).answer()
    await isGone()
  })
})

describe('a session at a remote endpoint after the login', () => {
  test('is kept for a page as long as the endpoint keeps it', async () => {
    const { there, remotes, handOver, elsewhere, clock, creation, isGone } = await created()
    clock.advance(1000)
    expect(await handOver()).toEqual({
      ...{ sid: 's1', wait: 20, hold: 1, requests: 2, inactivity: 45, polling: 5, ver: '1.8', maxpause: undefined },
      rid: creation.rid + 1,
      url: there.url,
      expiresIn: 45,
    })
    expect(remotes.size).toBe(0)
    const view = {
      ...{ id, jid, domain: 'far.example', origin: 'warmed', state: 'elsewhere', transport: 'bosh', openedAt: 1000 },
      ...{ process: '', user: 'juliet@far.example', isPage: false, tab },
    }
    expect(elsewhere.get(id)).toEqual(view)
    expect([...elsewhere.list()]).toEqual([view])
    await isGone()
    clock.advance(100_000)
    await staysUnasked(there)
  })

  test('is kept also if the login continues after the last reply', async () => {
    const { opening, handOver, there, told, clock, hears, next } = await created()
    const { events } = opening.link
    let binding: Promise<unknown> | undefined
    opening.link.events = {
      ...events,
      onElement(element) {
        events.onElement(element)
        clock.advance(1000)
        binding = Promise.resolve().then(() => handOver())
      },
    }
    opening.link.send([element("<iq xmlns='jabber:client' type='set' id='b1'/>")])
    ;(await next()).answer("<iq xmlns='jabber:client' type='result' id='b1'/>")
    await hears('iq')
    expect(await binding).toMatchObject({ sid: 's1' })
    expect(told.at(-1)).toBe('iq')
    await staysUnasked(there)
  })

  test('is ended if the caller has disconnected', async () => {
    const { there, handOver, elsewhere, creation, isGone } = await created()
    await handOver()
    elsewhere.endUnclaimed('another')
    for (const _ of [1, 2]) elsewhere.endUnclaimed(id)
    await endsAfter(creation, there)
    await isGone()
    expect(elsewhere.get(id)).toBeUndefined()
  })

  test('does not exist if the endpoint has ended it', async () => {
    const { handOver, elsewhere, isOver, logsIn } = await created()
    ;(await logsIn()).answer('', ending)
    await isOver()
    expect(await handOver()).toBeUndefined()
    expect(elsewhere.get(id)).toBeUndefined()
  })

  test('does not exist before its creation, or while a request is open', async () => {
    const early = await begin()
    expect([early.opening.id, early.termsOf(), await early.handOver()]).toEqual(['', undefined, undefined])
    early.opening.abandon()
    const { handOver, logsIn } = await created()
    const request = await logsIn()
    expect(await handOver()).toBeUndefined()
    request.answer(success)
  })
})
