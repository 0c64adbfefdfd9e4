// A fault in one place does not disturb the others: two users of another server talk on during each fault, and no
// session is left afterwards.
// Runs in npm run test:all only: half a minute of floods and servers that do not answer.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { Conversation, talkers } from '../support/conversation.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { unlimited } from '../support/unlimited.js'

const alice = { jid: 'alice@broken.example', password: 'Pa55-of-alice' }
const carol = { jid: 'carol@localhost', password: 'secret' }
/** Longest silence of a client, in seconds. */
const inactivity = 5

let healthy: DemoServer
let broken: LoginServer
let here: TestService
let conversation: Conversation

beforeAll(async () => {
  healthy = await startDemoServer({ ...talkers, carol: carol.password })
  broken = await startLoginServer({ domain: 'broken.example' })
  here = await startTestService({
    servers:
      `localhost=xmpp://127.0.0.1:${healthy.port}?tls=none,` +
      `broken.example=xmpp://127.0.0.1:${broken.port}?tls=none`,
    environment: {
      ...unlimited,
      XMPP_DOMAINS: 'localhost,broken.example',
      BOSH_INACTIVITY: String(inactivity),
      RATE_SESSION_BYTES: '0',
      LOG_LEVEL: 'info',
    },
  })
})

beforeEach(async () => {
  conversation = await Conversation.begin(here)
})

afterEach(async () => {
  await conversation.end()
  await eventually('no session or link is left', () => isEmpty())
})

afterAll(async () => {
  await here.stop()
  await healthy.stop()
  await broken.stop()
})

function isEmpty(): boolean {
  const { sessions, links } = here.service.counts()
  return sessions === 0 && links === 0 && broken.open === 0
}

const message = (to: string, id: number, size: number) =>
  `<message xmlns='jabber:client' to='${to}' id='${id}'><body>${'x'.repeat(size)}</body></message>`

test('an XMPP server that stops reading slows its sender down, and no stanza is lost', async () => {
  const binding = await here.bind(alice)
  const connection = broken.last
  const page = new BoshClient(`${here.url}/http-bind`, binding)
  connection.stopReading()
  // More than the operating system buffers for both ends of a connection.
  const most = 200
  const size = 200_000
  let sent = 0
  let answered = 0
  let hasSaidAll = false
  const send = async () => {
    while (sent < most && !hasSaidAll) {
      await page.request(message('bob@broken.example', ++sent, size))
      answered += 1
    }
  }
  const sending = [send(), send()]
  for (let before = -1; before < answered; ) {
    before = answered
    await conversation.goesOn(25)
  }
  expect(answered).toBeLessThan(most / 2)
  expect(here.service.counts()).toEqual({ sessions: 3, links: 3, forwarded: 0 })

  connection.readOn()
  hasSaidAll = true
  await eventually('all stanzas have arrived', () => connection.stanzas.length === sent)
  expect(connection.stanzas.map(({ attributes }) => Number(attributes['id']))).toEqual(
    Array.from({ length: sent }, (_, at) => at + 1),
  )
  await page.terminate()
  await Promise.all(sending)
  page.close()
})

test('sessions of an XMPP server that no longer answers end when their pages leave', async () => {
  const binding = await here.bind(alice)
  const connection = broken.last
  const page = new BoshClient(`${here.url}/http-bind`, binding)
  connection.deafen()
  // It looks like a server that has nothing to send.
  const first = page.request(message('bob@broken.example', 1, 10))
  const second = page.request(message('bob@broken.example', 2, 10))
  expect(await first).not.toContain('terminate')
  await conversation.goesOn(10)
  page.close()
  await expect(second).rejects.toThrow()
  const left = () => here.service.counts()
  await eventually('the session ends', () => left().sessions === 2, { seconds: inactivity + 5 })
  await conversation.goesOn()
  // The server does not answer the end of the stream either, so the link is cut.
  await eventually('its link closes', () => left().links === 2 && broken.open === 0)
})

test('the session of a client that reads no replies ends after a wait and inactivity', async () => {
  // A request is held while an earlier reply has not left.
  const wait = 5
  const { jid, sid, rid } = await here.bind({ ...carol, jid: 'carol@localhost/silent', wait: String(wait) })
  const sender = await here.bind(carol)
  const { port, hostname } = new URL(here.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.pause()
  // On a slow machine the session ends before the last requests, and the service closes this connection.
  socket.on('error', () => {})
  const poll = (at: number, inner = '') => {
    const body = `<body rid='${rid + at}' sid='${sid}' xmlns='http://jabber.org/protocol/httpbind'>${inner}</body>`
    socket.write(`POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  }
  poll(0, "<presence xmlns='jabber:client'/>")
  const other = new BoshClient(`${here.url}/http-bind`, sender)
  // Unread replies fill the buffers of the operating system, then wait in the service, all on one connection.
  for (let sent = 1; sent <= 60; sent++) {
    const said = other.request(message(jid, sent, 200_000), sent % 2 === 0 ? {} : { pause: '60' })
    poll(sent)
    if (sent % 2 === 1) await said
  }
  await conversation.goesOn()
  await eventually('its session ends', () => here.service.counts().sessions === 3, {
    seconds: wait + inactivity + 10,
  })
  await other.terminate()
  other.close()
  socket.destroy()
})
