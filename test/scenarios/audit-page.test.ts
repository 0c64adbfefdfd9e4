import { afterEach, expect, test } from '@jest/globals'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

let service: TestService | undefined

afterEach(async () => {
  await service?.stop()
  service = undefined
})

test('the audit trail shows a wrong secret to admins of all domains', async () => {
  service = await startTestService()
  const wrong = `Basic ${Buffer.from('admin:wrong').toString('base64')}`
  const refused = await fetch(`${service.url}/warm/audit`, { headers: { Authorization: wrong } })
  expect(refused.status).toBe(401)
  await refused.text()
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'admin login', admin: 'admin', code: 'unauthorized', jids: [] }])
  // Reading is no part of the trail.
  expect((await callSessions(service.url, 'GET', '/audit')).json).toEqual(json)
})

test('with AUDIT_LOG=off the page still shows the last lines', async () => {
  service = await startTestService({ environment: { AUDIT_LOG: 'off' } })
  await callSessions(service.url, 'DELETE', '/sessions?jid=alice@localhost')
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'logout', jids: ['alice@localhost'], ended: 0 }])
  expect(service.lines.some(line => line.includes('"audit":true'))).toBe(false)
})
