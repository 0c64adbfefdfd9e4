// A browser that guesses passwords with its own logins, over WebSocket, BOSH and both.
import { afterEach, describe, expect, test } from '@jest/globals'
import { attribute, BoshClient, type Post } from '../support/bosh-client.js'
import { ask } from '../support/http-answer.js'
import type { ScriptedConnection } from '../support/scripted-server.js'
import { close, faultOf, features, header, Stage, success } from '../support/websocket-stage.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const refusal = `<failure xmlns='${sasl}'><not-authorized/></failure>`
const refusal2 = `<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='${sasl}'/></failure>`
/** The first message of SCRAM for juliet. */
const first = Buffer.from('n,,n=juliet,r=fyko+d2lbbFgONRv9qkxdawL').toString('base64')
const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${first}</auth>`
const authenticate = `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'><initial-response>${first}</initial-response></authenticate>`

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

const audited = () =>
  stage.service.lines
    .map(line => JSON.parse(line) as Record<string, unknown>)
    .filter(({ audit, msg }) => audit === true && msg === 'client login')
const metric = async (outcome: string) => {
  const all = await stage.service.service.metrics()
  const logins = all.find(({ name }) => name === 'warm_bindings_client_logins_total')!
  return String(logins.values.find(({ labels }) => labels['outcome'] === outcome)?.value)
}

/** Resolves once `count` logins were delayed. */
async function delayed(count: number): Promise<void> {
  while ((await metric('delayed')) !== String(count)) await new Promise(resolve => setTimeout(resolve, 20))
}

describe('a WebSocket stream', () => {
  test.each([
    ['SASL', auth, '</auth>', refusal],
    ['SASL2', authenticate, '</authenticate>', refusal2],
  ])('allows five failed %s logins, then is closed with policy-violation', async (_how, login, end, answer) => {
    stage = await Stage.set()
    const { wire, link } = await socketFrom('203.0.113.5')
    for (let number = 0; number < 5; number++) {
      wire.send(login)
      await link.until(end)
      link.send(answer)
      expect(await wire.message()).toBe(answer)
    }
    wire.send(login)
    expect((await wire.leave()).messages).toEqual([faultOf('policy-violation'), close])
    expect(await link.rest()).not.toContain(end)
    expect(audited()).toMatchObject([{ part: 'login', address: '203.0.113.5', jids: ['juliet@localhost'] }])
    await stage.service.stop()
    expect(audited()).toMatchObject([{ refused: 1 }, { refused: 4, jids: ['juliet@localhost'] }])
    expect(stage.service.lines.join('')).not.toContain(first)
  })
})

describe('an address', () => {
  test('has one login limit for both transports, and logins above it are delayed', async () => {
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
})
