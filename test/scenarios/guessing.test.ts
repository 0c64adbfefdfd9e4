// A browser that guesses passwords with its own logins, over WebSocket, BOSH and both.
import { afterEach, expect, test } from '@jest/globals'
import { attribute, BoshClient, type Post } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { ask } from '../support/http-answer.js'
import type { ScriptedConnection } from '../support/scripted-server.js'
import { features, header, Stage, success } from '../support/websocket-stage.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const refusal = `<failure xmlns='${sasl}'><not-authorized/></failure>`
/** The first message of SCRAM for juliet. */
const first = Buffer.from('n,,n=juliet,r=fyko+d2lbbFgONRv9qkxdawL').toString('base64')
const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${first}</auth>`

let stage: Stage
let client: BoshClient | undefined

afterEach(async () => {
  client?.close()
  client = undefined
  await stage.strike()
})

/** A stream over WebSocket of a client behind the trusted proxy. */
const socketFrom = (address: string) => stage.pair({ headers: { 'X-Forwarded-For': address } })

/** A BOSH stream of a client at this address, which polls. */
async function boshFrom(address: string): Promise<ScriptedConnection> {
  const url = `${stage.service.url}/http-bind`
  const post: Post = (body, { signal } = {}) =>
    ask(url, { method: 'POST', agent: false, headers: { 'X-Forwarded-For': address }, ...(signal && { signal }) }, body)
  client = new BoshClient(url, { post })
  const creating = client.request('', { to: 'localhost', wait: '1', hold: '1', ver: '1.6' })
  const link = await stage.server.connection()
  await link.until("xmlns:stream='http://etherx.jabber.org/streams'>")
  link.send(header() + features())
  client.sid = attribute(await creating, 'sid')
  return link
}

const metric = async (outcome: string) => {
  const all = await stage.service.service.metrics()
  const logins = all.find(({ name }) => name === 'warm_bindings_client_logins_total')!
  return String(logins.values.find(({ labels }) => labels['outcome'] === outcome)?.value)
}

/** Resolves once `count` logins were delayed. */
const delayed = (count: number) =>
  eventually(`${count} delayed logins`, async () => (await metric('delayed')) === String(count))

test('an address has one login limit for both transports, and logins above it are delayed', async () => {
  stage = await Stage.set({ environment: { RATE_LOGINS_PER_ADDRESS: '4' } })
  const { wire, link } = await socketFrom('203.0.113.5')
  for (let number = 0; number < 4; number++) {
    wire.send(auth)
    await link.until('</auth>')
    link.send(refusal)
    await wire.message()
  }
  expect([await metric('refused'), await metric('delayed')]).toEqual(['4', '0'])

  const boshLink = await boshFrom('203.0.113.5')
  const answer = client!.request(auth)
  await delayed(1)
  await boshLink.until('</auth>')
  boshLink.send(success)
  let reply = await answer
  while (!reply.includes('<success')) reply = await client!.request()

  // Another address is not delayed. Over WebSocket, data after a delayed login is not delayed again.
  const other = await socketFrom('203.0.113.6')
  other.wire.send(auth)
  await other.link.until('</auth>')
  wire.send(auth)
  await delayed(2)
  wire.send(`<response xmlns='${sasl}'>=</response>`)
  expect(await link.until('</response>')).toBe(`${auth}<response xmlns='${sasl}'>=</response>`)
})
