// Who is served at all, through the whole service. test/scenarios/reload.test.ts reaches each limit, and
// test/session/limits/ and test/warm/call-limits.test.ts count exactly.
import { afterEach, expect, test } from '@jest/globals'
import { Problem } from '../../src/lib/errors.js'
import type { WorkQueue } from '../../src/lib/limits/work-queue.js'
import { freePorts } from '../support/ports.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }

let service: TestService

afterEach(async () => {
  // Otherwise the service would wait for their pages.
  await callSessions(service.url, 'DELETE', `/sessions?jid=${alice.jid}`)
  await service.stop()
})

test('with XMPP_DOMAINS=*, no server in a private network is connected to', async () => {
  service = await startTestService({ environment: { XMPP_DOMAINS: '*' } })
  for (const address of ['127.0.0.1', '10.0.0.1', '[::1]'])
    expect(await service.warm({ ...alice, jid: `alice@${address}` })).toMatchObject({
      status: 403,
      json: { code: 'address-not-allowed', step: 'connect' },
    })
})

test('a full queue of admin secrets to hash does not delay a SCRAM login', async () => {
  const hashes: WorkQueue = () => Promise.reject(new Problem('service-full'))
  service = await startTestService({ demo: [{ alice: alice.password }], hashes })
  expect((await service.bind(alice)).sid).toMatch(/./)
})

test.each([
  [8, "<body type='terminate' xmlns="],
  [9, "<body type='terminate' condition='policy-violation' xmlns="],
])('of %d stanzas of 250 KB in one body, as Strophe sends all that waits: %s', async (count, reply) => {
  service = await startTestService({ demo: [{ alice: alice.password }] })
  const { sid, rid } = await service.bind(alice)
  const stanza = `<message xmlns='jabber:client' to='bob@localhost'><body>${'x'.repeat(250_000)}</body></message>`
  const body = `<body rid='${rid}' sid='${sid}' type='terminate' xmlns='http://jabber.org/protocol/httpbind'>`
  const sent = await fetch(`${service.url}/http-bind`, {
    method: 'POST',
    body: `${body}${stanza.repeat(count)}</body>`,
  })
  expect(await sent.text()).toContain(reply)
})

test('a domain whose remote endpoint is this service itself makes no loop', async () => {
  const [port] = await freePorts(1)
  const XMPP_SERVERS = `loop.example=http://127.0.0.1:${port}/http-bind?plain=on`
  service = await startTestService({ environment: { PORT: String(port), XMPP_DOMAINS: 'loop.example', XMPP_SERVERS } })
  const { status, json } = await service.warm({ jid: 'alice@loop.example', password: 'x' })
  expect([status, json['code']]).toEqual([502, 'remote-connection-failed'])
  const { json: left } = await callSessions(service.url, 'GET', '/sessions')
  expect(left).toMatchObject({ total: 0 })
})
