import { afterEach, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type TestServiceOptions } from '../support/start-service.js'

const account = { jid: 'alice@localhost', password: 'secret' }

let service: TestService

async function start(LOG_LEVEL: string, more: TestServiceOptions = { demo: [{ alice: account.password }] }) {
  service = await startTestService({ ...more, environment: { LOG_LEVEL, AUDIT_LOG: 'off' } })
}

afterEach(() => service.stop())

const lines = () => service.lines.map(line => JSON.parse(line))

test('bosh=debug logs why each session ended', async () => {
  await start('warn,bosh=debug')
  const { sid, rid, id } = await service.bind(account)
  const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
  await client.terminate()
  client.close()
  const about = { level: 20, part: 'bosh', session: id }
  expect(lines()).toMatchObject([
    { ...about, msg: 'session created' },
    { ...about, msg: 'session ended', reason: 'client', transport: 'bosh', address: '127.0.0.1' },
  ])
})

test('remote=debug logs why a request failed', async () => {
  await start('warn,remote=debug', { servers: 'localhost=http://127.0.0.1:1/http-bind' })
  await service.warm(account)
  const failure = { step: 'connect', code: 'remote-connection-failed', cause: 'ECONNREFUSED' }
  const about = { level: 20, part: 'remote', msg: 'a request failed', domain: 'localhost' }
  expect(lines()).toMatchObject([{ ...about, ...failure }])
})

test('login=debug logs each step with time, mechanism and error', async () => {
  await start('warn,login=debug')
  const { text } = await service.warm({ ...account, password: 'wrong' })
  const { instance } = JSON.parse(text)
  const about = { level: 20, part: 'login', msg: 'login', domain: 'localhost' }
  const refused = lines().filter(line => line.msg === 'login' && line.requestId === instance.replace('urn:uuid:', ''))
  expect(refused).toMatchObject(
    [
      { step: 'connect' },
      { step: 'features' },
      { step: 'sasl' },
      { mechanism: expect.stringMatching(/^[A-Z0-9-]+$/), encrypted: false },
      { step: 'sasl', code: 'not-authorized', condition: 'not-authorized' },
    ].map(line => ({ ...about, ...line })),
  )
  const times = refused.map(({ ms }) => ms)
  expect(times).toEqual([...times].sort((a, b) => a - b))
  expect(times.every(Number.isInteger)).toBe(true)
  expect([...new Set(lines().flatMap(({ level, part }) => (level < 30 ? [part] : [])))]).toEqual(['login'])
  expect(service.lines.join()).not.toMatch(/secret|wrong/)
})

test('with AUDIT_LOG=off the audit page still shows the last lines', async () => {
  await start('trace')
  await callSessions(service.url, 'DELETE', `/sessions?jid=${account.jid}`)
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'logout', jids: [account.jid], ended: 0 }])
  expect(service.lines.some(line => line.includes('"audit":true'))).toBe(false)
})
