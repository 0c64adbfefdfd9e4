// Visitors of pages who have no account and no token.
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { makeCertificate } from '../support/certificates.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'
import { callConnect, type PageCall, problemOf } from '../support/page-call.js'
import { pageSecret, pageToken } from '../support/page-token.js'
import { callSessions } from '../support/sessions-api.js'
import { testFolder } from '../support/test-folder.js'

const certificate = makeCertificate(['DNS:guests.example'])
const origin = 'https://www.example'
const { file } = testFolder()

const usual = {
  PAGE_ORIGINS: origin,
  PAGE_GUESTS: 'guests.example',
  XMPP_SERVICE_ACCOUNTS: 'guests.example=bot:Pa55-of-bot',
  SEAL_KEY_FILE: file('seal.key', randomBytes(32).toString('base64')),
  TRUSTED_PROXIES: '127.0.0.0/8',
}
const withTokens = {
  PAGE_TOKEN_SECRET_FILE: file('secrets', `${pageSecret}\n`),
  PAGE_TOKEN_AUDIENCE: 'chat',
  PAGE_TOKEN_JID: '{sub}@guests.example',
}

let server: LoginServer
let service: WatchedService

const start = async (environment: Record<string, string> = {}) => {
  service = await startWatchedService([server], { ...usual, ...environment })
}

beforeEach(async () => {
  server = await startLoginServer({
    ...{ domain: 'guests.example', certificate, mechanisms: ['SCRAM-SHA-256', 'PLAIN'] },
    ...{ accounts: { bot: 'Pa55-of-bot' }, actors: ['bot'] },
  })
})

afterEach(async () => {
  for (const { jid } of await sessions()) await callSessions(service.url, 'DELETE', `/sessions?jid=${bare(jid)}`)
  await service.emptied()
  await service.stop()
  await server.stop()
})

const sessions = async (): Promise<{ jid: string }[]> =>
  (await callSessions(service.url, 'GET', '/sessions')).json.sessions
const bare = (jid: string) => jid.split('/')[0]!

interface Page extends PageCall {
  readonly from?: string
}

const connect = ({ from = '192.0.2.1', headers, ...page }: Page = {}) =>
  callConnect(service.url, origin, { ...page, headers: { 'X-Forwarded-For': from, ...headers } })

async function come(page?: Page) {
  const { status, text } = await connect(page)
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  return JSON.parse(text)
}

const logged = (msg: string) => service.lines.map(line => JSON.parse(line)).filter(line => line.msg === msg)

test('a guest gets a session, and comes back with the token, also after a restart', async () => {
  await start()
  const first = await come({ tab: 't1' })
  expect(first.jid).toMatch(/^[0-9a-f]{32}@guests\.example\//)
  expect(first).toMatchObject({ resumed: false, guest_token: expect.stringMatching(/^guest-/) })
  expect(server.last).toMatchObject({ user: 'bot' })
  const reloaded = await come({ tab: 't1', token: first.guest_token })
  expect(reloaded).toMatchObject({ id: first.id, jid: first.jid, resumed: true })
  const otherTab = await come({ tab: 't2', token: reloaded.guest_token })
  expect(bare(otherTab.jid)).toBe(bare(first.jid))
  expect(otherTab.id).not.toBe(first.id)
  expect(bare((await come({ tab: 't1' })).jid)).not.toBe(bare(first.jid))
  expect(logged('connect')[0]).toMatchObject({ admin: ':pages', jid: bare(first.jid), login: 'service', code: 'ok' })
  expect(service.lines.join('\n')).not.toContain(first.guest_token.slice(0, 60))

  for (const { jid } of await sessions()) await callSessions(service.url, 'DELETE', `/sessions?jid=${bare(jid)}`)
  await service.stop()
  await start()
  expect(bare((await come({ tab: 't1', token: otherTab.guest_token })).jid)).toBe(bare(first.jid))
})

test('a guest signs out, and ends only own sessions', async () => {
  await start()
  const [guest, other] = [await come({ tab: 't1' }), await come({ tab: 't1' })]
  await come({ tab: 't2', token: guest.guest_token })
  const end = await connect({ method: 'DELETE', token: guest.guest_token })
  expect([end.status, JSON.parse(end.text)]).toEqual([200, { ended: 2 }])
  expect((await sessions()).map(({ jid }) => jid)).toEqual([other.jid])
  expect(problemOf(await connect({ method: 'DELETE' }))).toEqual([401, 'invalid-token'])
})

test('a call without a token needs an origin of PAGE_ORIGINS', async () => {
  await start()
  const without = await service.call('/connect', { method: 'POST' })
  const ofOthers = ['https://evil.example', 'null'].map(Origin => connect({ headers: { Origin } }))
  for (const answer of [without, ...(await Promise.all(ofOthers))])
    expect(problemOf(answer)).toEqual([403, 'cross-site-request'])
  const { detail } = JSON.parse(without.text)
  expect(detail).toContain('A guest has no token, so the call needs the header Origin')
  expect(server.connections).toHaveLength(0)
})

test('pages with a token of the portal log in beside guests', async () => {
  await start(withTokens)
  expect((await come({ token: pageToken({}) })).jid).toMatch(/^alice@/)
  expect(await come({ token: pageToken({}) })).not.toHaveProperty('guest_token')
  expect((await come()).jid).toMatch(/^[0-9a-f]{32}@/)
})

test('new guests are limited by address, and guests who come back are not', async () => {
  await start({ RATE_GUESTS: '2' })
  const { guest_token: token } = await come()
  await come()
  const late = await connect()
  expect(problemOf(late)).toEqual([429, 'too-many-requests'])
  expect(Number(late.headers['retry-after'])).toBeGreaterThan(30)
  expect(JSON.parse(late.text).detail).toContain('RATE_GUESTS')
  await come({ token })
  await come({ from: '192.0.2.2' })
  expect(logged('a limit was reached')).toMatchObject([{ limit: 'guests-address', setting: 'RATE_GUESTS' }])
})

test('one address does not take the places of all guests', async () => {
  await start({ MAX_GUESTS: '6', MAX_SESSIONS_PER_ADDRESS: '3' })
  const { guest_token: token } = await come({ tab: 't1' })
  const calls = Array.from({ length: 9 }, (_, tab) => connect({ tab: `more${tab}`, token }))
  const answers = await Promise.all(calls)
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
  const late = answers.find(({ status }) => status !== 200)!
  expect([...problemOf(late), late.headers['retry-after']]).toEqual([429, 'too-many-requests', '60'])
  expect(JSON.parse(late.text).detail).toContain('MAX_SESSIONS_PER_ADDRESS')
  expect(problemOf(await connect())).toEqual([429, 'too-many-requests'])
  await come({ tab: 't1', token })
  await come({ from: '192.0.2.2' })
  expect(logged('a limit was reached')).toMatchObject([{ limit: 'address', address: '192.0.2.1' }])
  await connect({ method: 'DELETE', token })
  await come()
})

test('live sessions of guests are limited in total, other users are not, and a resumed session is none more', async () => {
  await start({ ...withTokens, MAX_GUESTS: '2' })
  const { guest_token: token } = await come({ tab: 't1' })
  await come()
  const late = await connect()
  expect([...problemOf(late), late.headers['retry-after']]).toEqual([429, 'too-many-requests', '60'])
  expect(JSON.parse(late.text).detail).toContain('MAX_GUESTS')
  expect(problemOf(await connect({ tab: 't2', token }))).toEqual([429, 'too-many-requests'])
  const again = await come({ tab: 't1', token })
  expect(again.resumed).toBe(true)
  expect((await come({ token: pageToken({}) })).jid).toMatch(/^alice@guests/)
  await callSessions(service.url, 'DELETE', '/sessions?jid=alice@guests.example')
  expect(logged('a limit was reached')).toMatchObject([{ limit: 'guests', setting: 'MAX_GUESTS' }])
  const client = new BoshClient(`${service.url}/http-bind`, again)
  await client.terminate()
  client.close()
  expect((await come()).resumed).toBe(false)
})
