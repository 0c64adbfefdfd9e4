// A browser that guesses passwords with its own logins, over WebSocket. For BOSH: test/browsers/bosh/guessing.test.ts.
import { afterEach, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { Stage } from '../support/websocket-stage.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const refusal = `<failure xmlns='${sasl}'><not-authorized/></failure>`
/** The first message of SCRAM for juliet. */
const first = Buffer.from('n,,n=juliet,r=fyko+d2lbbFgONRv9qkxdawL').toString('base64')
const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${first}</auth>`

let stage: Stage

afterEach(() => stage.strike())

/** A stream over WebSocket of a client behind the trusted proxy. */
const socketFrom = (address: string) => stage.pair({ headers: { 'X-Forwarded-For': address } })

const metric = async (outcome: string) => {
  const all = await stage.service.service.metrics()
  const logins = all.find(({ name }) => name === 'warm_bindings_client_logins_total')!
  return String(logins.values.find(({ labels }) => labels['outcome'] === outcome)?.value)
}

test('an address has a login limit, and logins above it are delayed', async () => {
  stage = await Stage.set({ environment: { RATE_LOGINS_PER_ADDRESS: '4' } })
  const { wire, link } = await socketFrom('203.0.113.5')
  for (let number = 0; number < 4; number++) {
    wire.send(auth)
    await link.until('</auth>')
    link.send(refusal)
    await wire.message()
  }
  expect([await metric('refused'), await metric('delayed')]).toEqual(['4', '0'])

  // Another address is not delayed. Data after a delayed login is not delayed again.
  const other = await socketFrom('203.0.113.6')
  other.wire.send(auth)
  await other.link.until('</auth>')
  expect(await metric('delayed')).toBe('0')
  wire.send(auth)
  await eventually('the login is delayed', async () => (await metric('delayed')) === '1')
  wire.send(`<response xmlns='${sasl}'>=</response>`)
  expect(await link.until('</response>')).toBe(`${auth}<response xmlns='${sasl}'>=</response>`)
})
