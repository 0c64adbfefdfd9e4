import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'

const passwords = { alice: 'wonderland', bob: 'builder' }

let server: DemoServer
let service: TestService
const clients: BoshClient[] = []

beforeAll(async () => {
  server = await startDemoServer(passwords)
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
  })
})

afterEach(async () => {
  for (const user of Object.keys(passwords)) await call('DELETE', `/sessions?jid=${user}@localhost`)
  for (const client of clients.splice(0)) client.close()
  await eventually('no connection to the server is open', () => server.connections === 0)
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

const call = (...about: Parameters<typeof callSessions> extends [string, ...infer Rest] ? Rest : never) =>
  callSessions(service.url, ...about)

const bind = (user: keyof typeof passwords, more: Record<string, string | number> = {}) =>
  service.bind({ jid: `${user}@localhost`, password: passwords[user], ...more })

/** A page that uses a session. */
function page({ sid, rid }: Pick<WarmBinding, 'sid' | 'rid'>): BoshClient {
  const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
  clients.push(client)
  return client
}

const presence = "<presence xmlns='jabber:client'/>"
const message = (to: string, text: string) =>
  `<message xmlns='jabber:client' type='chat' to='${to}'><body>${text}</body></message>`
const gone = "type='terminate' condition='item-not-found'"

/** Sends requests until a reply contains the text. */
async function hear(client: BoshClient, text: string, inner = ''): Promise<string> {
  for (let reply = await client.request(inner); ; reply = await client.request()) {
    if (reply.includes(text)) return reply
    if (reply.includes("type='terminate'")) throw new Error(`ended: ${reply}`)
  }
}

const stateOf = async (id: string) => (await call('GET', `/${id}`)).json.state

describe('a reloaded page', () => {
  test('gets the stanzas that the old page did not acknowledge, and the session continues', async () => {
    const binding = await bind('alice')
    const [old, bob] = [page(binding), page(await bind('bob'))]
    await hear(old, 'presence', presence)
    const heard = hear(old, 'one')
    await bob.request(presence + message(binding.jid, 'one'))
    await heard

    const resumed = await call('POST', `/${binding.id}/resume`)
    expect(resumed.status).toBe(200)
    const { jid, sid, rid, id, expires_in } = resumed.json
    expect({ jid, sid, id, expires_in }).toEqual({
      ...{ jid: binding.jid, sid: binding.sid, id: binding.id, expires_in: 120 },
    })
    expect(rid).toBeGreaterThan(old.rid)
    const next = page(resumed.json)
    expect(await next.request()).toContain('<body>one</body>')

    // The old page gets an end of the session, and the new page does not notice.
    expect(await old.request(message(`bob@localhost`, 'lost'))).toContain(gone)
    expect(await old.request('', { rid: String(old.rid - 2) })).toContain(gone)
    const atBob = hear(bob, 'two')
    const held = next.request(message('bob@localhost', 'two'))
    expect(await atBob).not.toContain('lost')
    const atBobLater = bob.request(message(binding.jid, 'three'))
    expect(await held).toContain('<body>three</body>')
    expect(await stateOf(binding.id)).toBe('quiet')
    await call('DELETE', `/sessions?jid=bob@localhost`)
    await atBobLater
  })
})

describe('the list of sessions', () => {
  test('names no transport for a session that ended before a page came', async () => {
    const { id, jid } = await bind('alice')
    await bind('alice', { jid }) // the server prefers the newer session
    while ((await stateOf(id)) !== 'ended') await pause(5)
    expect((await call('GET', `/${id}`)).json).not.toHaveProperty('transport')
  })
})

describe('a session with REMOTE_ATTACH=there', () => {
  test('is listed, and gets 409 if shown, resumed or ended', async () => {
    const here = await startTestService({
      servers: `localhost=${service.url}/http-bind`,
      environment: { REMOTE_ATTACH: 'there' },
    })
    const { id, url } = await here.bind({ jid: 'alice@localhost', password: passwords.alice })
    expect(url).toBe(`${service.url}/http-bind`)
    for (const [method, path] of [
      ['GET', `/${id}`],
      ['DELETE', `/${id}`],
      ['POST', `/${id}/resume`],
    ] as const) {
      expect((await callSessions(here.url, method, path)).json).toMatchObject({
        status: 409,
        code: 'not-here',
      })
    }
    const listed = await callSessions(here.url, 'GET', '/sessions?state=elsewhere')
    expect(listed.json).toMatchObject({ total: 1, sessions: [{ id, state: 'elsewhere' }] })
    const everywhere = await callSessions(here.url, 'DELETE', '/sessions?jid=alice@localhost')
    expect(everywhere.json).toEqual({ ended: 0, elsewhere: 1 })
    // There, it is a session that a client opened itself.
    expect((await call('GET', '/sessions')).json.sessions).toMatchObject([{ jid: listed.json.sessions[0].jid }])
    const named = { jid: 'alice@localhost', password: passwords.alice, visit: 'v1' }
    for (let call = 0; call < 2; call++) expect((await here.warm(named)).json).toMatchObject({ resumed: false })
    expect((await callSessions(here.url, 'DELETE', '/sessions?visit=v1')).json).toEqual({ ended: 0, elsewhere: 2 })
    await here.stop()
  })
})
