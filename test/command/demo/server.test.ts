import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../../src/command/demo/server.js'
import { writeStreamError } from '../../../src/xmpp/stream-errors.js'
import { header, RawClient } from '../../support/raw-client.js'

let server: DemoServer
const clients: RawClient[] = []

beforeEach(async () => {
  server = await startDemoServer({ alice: 'demo', bob: 'demo' }, { portal: 'service' })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  await server.stop()
})

function open(): RawClient {
  const client = new RawClient(server.port)
  clients.push(client)
  return client
}

/** Has received the features. */
async function greeted(): Promise<RawClient> {
  const client = open()
  await client.send(header()).until('</stream:features>')
  return client
}

const login = (user: string, resource?: string) => open().login(user, resource)
const online = async (user: string, resource?: string) => (await login(user, resource)).appear()

describe('a stream to the demo server', () => {
  test('can come byte by byte, with white space between its elements', async () => {
    const client = open()
    for (const byte of header()) client.send(byte)
    await client.until('</stream:features>')
    client.send(' \n ')
    expect(await client.authenticate('alice', 'demo')).toContain('<success')
    client.send(' ').send(header())
    expect(await client.until('</stream:features>')).toContain('<optional/></session>')
  })

  test.each([
    ['another domain', header('chat.example'), 'host-unknown'],
    ['no version', header().replace("version='1.0' ", ''), 'unsupported-version'],
    ['broken XML', `${header()}<auth><</auth>`, 'not-well-formed'],
    ['a stanza before the login', `${header()}<message to='bob@localhost'/>`, 'not-authorized'],
  ])('with %s ends with an error', async (_what, text, condition) => {
    const answer = await open().send(text).rest()
    expect(answer).toMatch(/^<\?xml version='1.0'\?><stream:stream id=/)
    expect(answer.endsWith(`${writeStreamError(condition)}</stream:stream>`)).toBe(true)
  })

  test('ends if a stanza arrives before a resource is bound, or for an element that is no stanza', async () => {
    const early = await greeted()
    await early.authenticate('alice', 'demo')
    await early.send(header()).until('</stream:features>')
    expect(await early.send('<presence/>').rest()).toContain('<not-authorized')
    const odd = await login('alice')
    expect(await odd.send("<enable xmlns='urn:xmpp:sm:3'/>").rest()).toContain('<unsupported-stanza-type')
  })

  test('gets an error when the server stops', async () => {
    const client = await online('alice')
    const stopping = server.stop()
    expect(await client.rest()).toContain('<system-shutdown')
    await stopping
    expect(server.connections).toBe(0)
    const refused = await new Promise(resolve => {
      connect({ host: '127.0.0.1', port: server.port }).once('error', resolve)
    })
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('a login at the demo server', () => {
  const sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
  const auth = (message: string, mechanism = 'SCRAM-SHA-1') =>
    `<auth ${sasl} mechanism='${mechanism}'>${Buffer.from(message).toString('base64')}</auth>`

  test('with a wrong password fails like a login of an unknown user, and may be tried again', async () => {
    const client = await greeted()
    const wrong = await client.authenticate('alice', 'wrong')
    expect(wrong).toBe(`<failure ${sasl}><not-authorized/></failure>`)
    expect(await client.send(auth('n,,n=nobody,r=abc')).until('</failure>')).toBe(wrong)
    expect(await client.authenticate('alice', 'demo')).toContain('<success')
  })

  test.each([
    ['an unknown mechanism', auth('n,,n=alice,r=abc', 'PLAIN'), 'invalid-mechanism'],
    ['text that is not base64', `<auth ${sasl} mechanism='SCRAM-SHA-1'>###</auth>`, 'malformed-request'],
    ['channel binding', auth('p=tls-unique,,n=alice,r=abc'), 'malformed-request'],
    ['another user as authzid', auth('n,a=bob@localhost,n=alice,r=abc'), 'invalid-authzid'],
    ['a service account as authzid', auth('n,a=portal@localhost,n=portal,r=abc'), 'invalid-authzid'],
    ['a response before a login', `<response ${sasl}/>`, 'malformed-request'],
  ])('with %s fails with its condition', async (_what, text, condition) => {
    const client = await greeted()
    expect(await client.send(text).until('</failure>')).toBe(`<failure ${sasl}><${condition}/></failure>`)
  })

  test('of a service account with a wrong password, or for an unknown user, fails', async () => {
    const [guess, unknown] = [await greeted(), await greeted()]
    expect(await guess.authenticate('portal', 'demo', 'alice@localhost')).toContain('<not-authorized/>')
    expect(await unknown.authenticate('portal', 'service', 'mallory@localhost')).toContain('<invalid-authzid/>')
  })
})

test('the resource of a stream is the requested one, or one that the server chooses', async () => {
  expect((await login('alice', 'balcony &amp;lt;1&gt; &#x1F339;')).jid).toBe('alice@localhost/balcony &amp;lt;1&gt; 🌹')
  expect((await login('alice')).jid).toMatch(/^alice@localhost\/[\w-]{12}$/)
})

test('the resource of a stream that is in use ends the older session', async () => {
  const older = await online('alice', 'balcony')
  const bob = await online('bob')
  await older.until(/<presence[^>]*\/?>/)
  const newer = await login('alice', 'balcony')
  expect(await older.rest()).toMatch(/<stream:error><conflict .*<\/stream:stream>$/)
  await bob.until("type='unavailable' from='alice@localhost/balcony'")
  expect(await newer.unexpected()).toBe('')
})

test('presence is sent to both sides of a contact', async () => {
  const alice = await online('alice')
  const bob = await login('bob')
  bob.send('<presence><show>away</show></presence>')
  await alice.until(`from='${bob.jid}' to='${alice.jid}'><show>away</show></presence>`)
  await bob.until(`from='${alice.jid}' to='${bob.jid}'`)
  bob.send("<presence type='unavailable'><status>gone</status></presence>")
  await alice.until(`from='${bob.jid}' to='${alice.jid}'><status>gone</status></presence>`)
  expect(await alice.unexpected()).toBe('')
})

test('presence ends with the stream, however it ends', async () => {
  const alice = await online('alice')
  for (const end of ['close', 'destroy']) {
    const bob = await online('bob', 'b&amp;b')
    await alice.until(`from='${bob.jid}'`)
    if (end === 'close') bob.send('</stream:stream>')
    else bob.socket.destroy()
    await alice.until(`<presence xmlns='jabber:client' type='unavailable' from='${bob.jid}' to='${alice.jid}'/>`)
  }
})

describe('a message', () => {
  const message = (to: string, text = 'hi') => `<message to='${to}' type='chat' id='m'><body>${text}</body></message>`

  test('to a full JID reaches that resource, under the name of its sender', async () => {
    const [alice, bob] = [await login('alice'), await login('bob')]
    alice.send(message(bob.jid, '&lt;b&gt;&amp;').replace('<message', "<message from='eve@localhost/x'"))
    expect(await bob.until('</message>')).toBe(
      `<message xmlns='jabber:client' type='chat' id='m' from='${alice.jid}' to='${bob.jid}'><body>&lt;b&gt;&amp;</body></message>`,
    )
  })

  test('to a bare JID reaches every available resource', async () => {
    const alice = await login('alice')
    const [one, two] = [await online('bob', 'one'), await online('bob', 'two')]
    const away = await login('bob', 'away')
    alice.send(message('BOB@localhost'))
    for (const reader of [one, two]) expect(await reader.until('</message>')).toContain('<body>hi</body>')
    expect(await away.unexpected()).not.toContain('<message')
  })

  test.each([
    ['bob@localhost/nowhere', 'service-unavailable'],
    ['bob@elsewhere.example', 'service-unavailable'],
  ])('to %s comes back with %s', async (to, condition) => {
    const alice = await login('alice')
    alice.send(message(to))
    const answer = await alice.unexpected()
    expect(answer).toContain(`<message type='error' id='m' from='${to}' to='${alice.jid}'>`)
    expect(answer).toContain(`<${condition} `)
  })
})

test.each([
  ['ping', "to='localhost'", "<ping xmlns='urn:xmpp:ping'/>", /^<iq type='result'[^>]*><\/iq>$/],
  ['a vCard', '', "<vCard xmlns='vcard-temp'/>", /<service-unavailable/],
])('an IQ for %s gets a reply', async (_what, to, payload, answer) => {
  const alice = await login('alice')
  alice.send(`<iq type='get' id='q' ${to}>${payload}</iq>`)
  expect(await alice.until('</iq>')).toMatch(answer)
})
