// What others write reaches a client between the words of its server. A client that has its stream begin anew in the
// middle of that would have it taken for the server's own words, and be taken for another user.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { boshLogin, boshWelcome } from '../support/bosh-login.js'
import { eventually } from '../support/eventually.js'
import type { LoginConnection } from '../support/login-server/connection.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { MovedClock } from '../support/moved-clock.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

const domain = 'plain.example'
const accounts = { mallory: 'Pa55-of-mallory', victim: 'Pa55-of-the-victim' }
const victim = `victim@${domain}`
const restart = { 'xmpp:restart': 'true', 'xmlns:xmpp': 'urn:xmpp:xbosh' }
const terminated = (condition: string) =>
  `<body type='terminate' condition='${condition}' xmlns='http://jabber.org/protocol/httpbind'/>`

const bindResult = (id: string, from = '') =>
  `<iq xmlns='jabber:client' type='result' id='${id}'${from}><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${victim}/desk</jid></bind></iq>`

/** A message whose content looks like a server that opens its stream and binds a resource, in three parts. */
const [begun, forged, ended] = [
  `<message from='accomplice@${domain}/y'><x xmlns='urn:x'>`,
  `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='f' from='${domain}' version='1.0'>` +
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>" +
    `${bindResult('b')}${bindResult('bind')}`,
  '</stream:stream></x></message>',
]

let server: LoginServer
let clock: MovedClock
let service: TestService
/** The attacker. */
let client: BoshClient

beforeEach(async () => {
  server = await startLoginServer({ domain, accounts })
  clock = new MovedClock()
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
  await service.stop()
  await server.stop()
})

/** Mallory logs in. */
async function logIn(): Promise<LoginConnection> {
  await boshLogin(client, { user: 'mallory', domain, password: accounts.mallory })
  return server.connections[0]!
}

/** Mallory is let in and has not opened her stream again. */
async function welcome(): Promise<LoginConnection> {
  await boshWelcome(client, { user: 'mallory', domain, password: accounts.mallory })
  return server.connections[0]!
}

/** The victim's backend wants a session for the victim, any that is free; it must be a new one of the victim's own. */
async function expectNothingOfTheVictims(): Promise<void> {
  const { json } = await callSessions(service.url, 'GET', `/sessions?jid=${victim}`)
  expect(json.sessions).toEqual([])
  clock.advance(10_000)
  const warmed = await service.warm({ jid: victim, password: accounts.victim, visit: 'v1' })
  expect(warmed.json).toMatchObject({ resumed: false, jid: `${victim}/chosen-by-server` })
  expect(warmed.json['sid']).not.toBe(client.sid)
}

/** What the client has sent and said has arrived. */
const arrived = () => new Promise(resolve => setTimeout(resolve, 50))

/** A server that resumes a session tells no JID. */
async function resume(): Promise<LoginConnection> {
  const connection = await welcome()
  await client.request('', restart)
  connection.say("<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>")
  expect(await client.request()).toContain('<resumed ')
  return connection
}

describe('a client that has its stream begin anew', () => {
  test.each([
    ['in a session whose JID is known', logIn],
    ['in a session that it has resumed', resume],
    ['before it has a resource', welcome],
  ])('in the middle of a message, %s, ends its session and gives it the JID of no other user', async (_what, begin) => {
    const connection = await begin()
    // It would answer in the middle of what it says.
    connection.deafen()
    connection.say(begun)
    await arrived()
    const restarted = client.request('', restart)
    await arrived()
    connection.say(forged)
    await arrived()
    await expectNothingOfTheVictims()
    expect(await restarted).toBe(terminated('bad-request'))
    connection.say(ended)
    // All that it has heard since is the end.
    expect(connection.packets.at(-1)).toBe('</stream:stream>')
  })

  test('for another domain ends its session, and its server hears nothing of that', async () => {
    const connection = await welcome()
    expect(await client.request('', { ...restart, to: 'other.example' })).toBe(terminated('bad-request'))
    await eventually('the connection is closed', () => connection.ended)
    expect(connection.reached).not.toContain('restart')
    expect(connection.goodbye).toBe('footer')
    expect(server.complaints).toEqual([])
  })
})

describe('a client whose accomplice answers its request for a resource', () => {
  test.each([
    ['in the server’s place', `<message from='accomplice@${domain}/y'>${bindResult('bind')}</message>`],
    ['by its id', bindResult('bind', ` from='accomplice@${domain}/y'`)],
    ['from another session of the client’s own', bindResult('bind', ` from='mallory@${domain}/y'`)],
  ])('%s is known by what its server says', async (_what, said) => {
    server.script = { bind: turn => turn.goOn(said + turn.usual) }
    await logIn().catch(() => {})
    server.script = {}
    const { json } = await callSessions(service.url, 'GET', `/sessions?jid=mallory@${domain}`)
    // Where it had a message before, it is known by nothing.
    expect(json.sessions).toHaveLength(said.startsWith('<message') ? 0 : 1)
    await expectNothingOfTheVictims()
  })
})
