// What operators see of the traffic with pages, by transport.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import * as say from '../browsers/websocket/pages.js'
import { BoshClient } from '../support/bosh-client.js'
import { calledAfterEach } from '../support/closers.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { scrape } from '../support/scrape.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { open } from '../support/taking-page.js'
import { WebSocketWire } from '../support/websocket-wire.js'

const alice = { jid: 'alice@plain.example', password: 'Pa55-of-alice' }
const letter = `<message from='bob@plain.example/b'><body>Grüße</body></message>`

let server: LoginServer
let service: TestService
const closers = calledAfterEach()

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example', accounts: { alice: alice.password } })
})

afterAll(() => server.stop())

/** By transport. */
async function counted(name: string) {
  const { samples } = await scrape(service.service.metricsUrl)
  const of = (transport: string) => samples.get(`warm_bindings_${name}{transport="${transport}"}`)
  return [of('bosh'), of('websocket')]
}

describe.each(['on', 'off'])('with HTTP_FAST=%s', fast => {
  beforeAll(async () => {
    service = await startTestService({
      servers: `plain.example=xmpp://127.0.0.1:${server.port}?tls=none`,
      environment: { XMPP_DOMAINS: 'plain.example', METRICS_ADDRESS: '127.0.0.1:0', HTTP_FAST: fast },
    })
  })
  afterAll(() => service.stop())

  test('bytes and deliveries are counted by transport', async () => {
    const bosh = new BoshClient(`${service.url}/http-bind`, await service.bind(alice))
    closers.push(() => bosh.close())
    const body = bosh.compose("<presence xmlns='jabber:client'/>")
    const reply = bosh.send(body)
    const { stanzas } = server.last
    await eventually('the presence is at the server', () => stanzas.length > 0)
    server.last.say(letter)
    const { text } = await reply
    expect(text).toContain('Grüße')
    expect(await counted('page_received_bytes_total')).toEqual([Buffer.byteLength(body), 0])
    expect(await counted('page_sent_bytes_total')).toEqual([Buffer.byteLength(text), 0])
    expect(await counted('stanza_delivery_seconds_count')).toEqual([1, 0])

    const { token } = (await service.bind(alice)).websocket!
    const wire = await WebSocketWire.open(service.url, { path: '/xmpp-websocket/warm' })
    closers.push(() => wire.drop())
    let [sent, received] = [0, 0]
    const exchange = async (answers: number, ...messages: string[]) => {
      for (const message of messages) sent += Buffer.byteLength(message)
      wire.send(...messages)
      for (let answer = 0; answer < answers; answer++) received += Buffer.byteLength(await wire.message())
    }
    await exchange(2, open)
    await exchange(4, say.auth(token, 'alice'), open, say.bind)
    server.last.say(letter)
    await exchange(1, "<presence xmlns='jabber:client'/>")
    expect(await counted('page_received_bytes_total')).toEqual([expect.any(Number), sent])
    expect(await counted('page_sent_bytes_total')).toEqual([expect.any(Number), received])
    expect(await counted('stanza_delivery_seconds_count')).toEqual([1, 1])
    const [atBosh, atSocket] = await counted('stanza_delivery_seconds_sum')
    for (const seconds of [atBosh!, atSocket!]) expect(seconds > 0 && seconds < 5).toBe(true)
  })
})
