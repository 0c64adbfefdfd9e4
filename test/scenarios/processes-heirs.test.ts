// A process hands its sessions over. Clients that come for them to another process reach the heir. The test acts as
// both.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { systemClock } from '../../src/lib/clock.js'
import { socketCarrier } from '../../src/processes/carriers/socket-carrier.js'
import type { Nodes } from '../../src/processes/nodes.js'
import { startNodes } from '../../src/processes/start-nodes.js'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { joinedIn } from '../support/joined-lines.js'
import { leave } from '../support/joined-processes.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'
import { openPage } from '../support/taking-page.js'
import type { WebSocketWire } from '../support/websocket-wire.js'

const log = pino({ level: 'silent' })
const [old, heir] = ['xxxxxxxx', 'yyyyyyyy']
const id = `${old}-${'0'.repeat(32)}`
const answer = "<body xmlns='http://jabber.org/protocol/httpbind' by='heir'/>"

let folder: string
let clock: SteppedClock
let service: TestService
let predecessor: Nodes
let successor: Nodes
/** What the two have received. */
let got: string[]
let clients: (BoshClient | WebSocketWire)[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nodes-heirs-'))
  clock = new SteppedClock()
  got = []
  clients = []
  const carrier = () => socketCarrier({ folder, log })
  // The tests move time past the wait for an heir, perhaps several times before an answer arrives.
  const environment = { XMPP_DOMAINS: 'plain.example', BOSH_LOGIN_TIMEOUT: '3600' }
  service = await startTestService({ carriers: [carrier()], clock, environment })
  const about = { place: 'here', version: '1', settings: {} }
  const start = (name: string) => startNodes({ carriers: [carrier()], clock: systemClock, log, name, about })
  predecessor = await start(old)
  successor = await start(heir)
  for (const nodes of [predecessor, successor]) {
    nodes.accept('bosh', ({ body }, exchange) => {
      got.push(`${nodes.self} ${body}`)
      if (nodes === successor) exchange.end(undefined, answer)
      return { onMessage() {}, onEnd() {} }
    })
    nodes.accept('websocket', ({ body }, exchange) => {
      got.push(`${nodes.self} ${body}`)
      exchange.send(undefined, `<hello/>`)
      return { onMessage: ({ body }) => got.push(String(body)), onEnd() {} }
    })
    nodes.answer('session', () => ({ id, domain: 'plain.example', createdAt: 0, state: 'waiting' }))
    nodes.answer('end', () => true)
  }
  await eventually('the service knows both', () => joinedIn(service.lines) === 2)
})

afterEach(async () => {
  for (const client of clients) client instanceof BoshClient ? client.close() : client.drop()
  await Promise.all([predecessor.close(), successor.close(), service.stop()])
  rmSync(folder, { recursive: true })
})

const linesOf = (text: string) => service.lines.filter(line => line.includes(text))
const isAwaited = () => eventually('the process is gone', () => linesOf('a process is gone').length === 1)

function bosh(): BoshClient {
  const client = new BoshClient(`${service.url}/http-bind`, { sid: `${old}-0123`, rid: 7 })
  clients.push(client)
  return client
}

async function page(): Promise<WebSocketWire> {
  const wire = await openPage(service.url, `/xmpp-websocket/warm?node=${old}`)
  clients.push(wire)
  return wire
}

test('BOSH requests held by the predecessor, or sent after it is gone, reach the heir', async () => {
  const held = bosh().request('<held/>')
  await eventually('the request is held', () => got.length === 1)
  await leave(predecessor)
  await isAwaited()
  const late = bosh().request('<late/>')
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(got).toHaveLength(1)
  successor.adopt(predecessor.names)
  expect([await held, await late]).toEqual([answer, answer])
  expect(got.map(text => /^\w+|<held|<late/.exec(text)?.[0])).toEqual([old, heir, heir])
})

test('a page with a token of a predecessor that is gone attaches at the heir', async () => {
  await leave(predecessor)
  await isAwaited()
  const wire = await page()
  wire.send(say.auth(`${old}-token`, 'alice'))
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(got).toEqual([])
  successor.adopt([old])
  expect(await wire.message()).toBe('<hello/>')
  expect(got[0]).toBe(`${heir} ${say.auth(`${old}-token`, 'alice')}`)
  wire.send(say.stanza('more'))
  await eventually('the stanza arrives', () => got.includes(say.stanza('more')))
})

test('without an heir, clients and calls are rejected after ten seconds', async () => {
  await leave(predecessor)
  await isAwaited()
  const wire = await page()
  wire.send(say.auth(`${old}-token`, 'alice'))
  const request = bosh().request()
  const call = callSessions(service.url, 'GET', `/${id}`)
  let areAnswered = false
  const answers = Promise.all([request, wire.message(), call]).finally(() => {
    areAnswered = true
  })
  await eventually('all are answered', () => {
    clock.advance(11_000)
    return areAnswered
  })
  const [reply, message, { status }] = await answers
  expect(reply).toContain("condition='item-not-found'")
  expect(message).toBe(say.notAuthorized)
  expect(status).toBe(404)
})

test('API calls about its session wait for the heir', async () => {
  await leave(predecessor)
  await isAwaited()
  const shown = callSessions(service.url, 'GET', `/${id}`)
  const ended = callSessions(service.url, 'DELETE', `/${id}`)
  await new Promise(resolve => setTimeout(resolve, 100))
  successor.adopt([old])
  expect(await shown).toMatchObject({ status: 200, json: { id, state: 'waiting' } })
  expect((await ended).status).toBe(204)
})

test('sessions of a process that ends without announcing an heir are not found', async () => {
  await predecessor.close()
  await isAwaited()
  expect(await bosh().request()).toContain("condition='item-not-found'")
  expect((await callSessions(service.url, 'GET', `/${id}`)).status).toBe(404)
})
