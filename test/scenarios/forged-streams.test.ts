// An attack: a client restarts its stream in the middle of a stanza of another user. Forged content could then pass
// for its server's, and give it the victim's JID.
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { boshLogin, boshWelcome } from '../support/bosh-login.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { SteppedClock } from '../support/stepped-clock.js'

const domain = 'plain.example'
const accounts = { mallory: 'Pa55-of-mallory', victim: 'Pa55-of-the-victim' }
const victim = `victim@${domain}`
const restart = { 'xmpp:restart': 'true', 'xmlns:xmpp': 'urn:xmpp:xbosh' }
const refused = "<body type='terminate' condition='bad-request'"

const bindResult = (id: string) =>
  `<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${victim}/desk</jid></bind></iq>`

/** In three parts, a message whose content looks like a server that opens a stream and binds a resource. */
const [begun, forged, ended] = [
  `<message from='accomplice@${domain}/y'><x xmlns='urn:x'>`,
  `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='f' from='${domain}' version='1.0'>` +
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>" +
    `${bindResult('b')}${bindResult('bind')}`,
  '</stream:stream></x></message>',
]

let server: LoginServer
let clock: SteppedClock
let service: TestService
/** The attacker. */
let client: BoshClient

beforeEach(async () => {
  server = await startLoginServer({ domain, accounts })
  clock = new SteppedClock()
  service = await startTestService({
    servers: `${domain}=xmpp://127.0.0.1:${server.port}?tls=none&plain=on`,
    environment: { XMPP_DOMAINS: domain },
    clock,
  })
  client = new BoshClient(`${service.url}/http-bind`)
})

afterEach(async () => {
  await client.terminate()
  client.close()
  await callSessions(service.url, 'DELETE', `/sessions?jid=${victim}`)
  // The server first: what is deaf does not close its stream.
  await server.stop()
  await service.stop()
})

/** Mallory logs in. */
async function logIn(): Promise<LoginConnection> {
  await boshLogin(client, { user: 'mallory', domain, password: accounts.mallory })
  return server.connections[0]!
}

/** Mallory is authenticated and has not restarted her stream. */
async function welcome(): Promise<LoginConnection> {
  await boshWelcome(client, { user: 'mallory', domain, password: accounts.mallory })
  return server.connections[0]!
}

/** The victim's backend asks for any free session of the victim, and must get a new session. */
async function expectNothingOfTheVictims(): Promise<void> {
  const { json } = await callSessions(service.url, 'GET', `/sessions?jid=${victim}`)
  expect(json.sessions).toEqual([])
  clock.advance(10_000)
  const warmed = await service.warm({ jid: victim, password: accounts.victim, visit: 'v1' })
  expect(warmed.json).toMatchObject({ resumed: false, jid: `${victim}/chosen-by-server` })
  expect(warmed.json['sid']).not.toBe(client.sid)
}

/** Waits until all that was sent has arrived. */
const arrived = () => new Promise(resolve => setTimeout(resolve, 50))

/** A server that resumes a stream names no JID. */
async function resume(): Promise<LoginConnection> {
  const connection = await welcome()
  await client.request('', restart)
  connection.say("<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>")
  expect(await client.request()).toContain('<resumed ')
  return connection
}

test.each([
  ['after its login', logIn],
  ['after it resumed its stream', resume],
  ['before it binds a resource', welcome],
])(
  'a client that restarts its stream in the middle of a message, %s, ends its session and gets no other JID',
  async (_what, begin) => {
    const connection = await begin()
    // Otherwise the server would answer in the middle of its message.
    connection.deafen()
    connection.say(begun)
    await arrived()
    const restarted = client.request('', restart)
    await arrived()
    connection.say(forged)
    await arrived()
    await expectNothingOfTheVictims()
    expect(await restarted).toContain(refused)
    connection.say(ended)
    // Since then, the server has received only the end of the stream.
    expect(connection.packets.at(-1)).toBe('</stream:stream>')
  },
)
