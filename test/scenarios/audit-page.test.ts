import { afterEach, expect, test } from '@jest/globals'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'

let service: TestService | undefined

afterEach(async () => {
  await service?.stop()
  service = undefined
})

test('with AUDIT_LOG=off the page still shows the last lines', async () => {
  service = await startTestService({ environment: { AUDIT_LOG: 'off' } })
  await callSessions(service.url, 'DELETE', '/sessions?jid=alice@localhost')
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'logout', jids: ['alice@localhost'], ended: 0 }])
  expect(service.lines.some(line => line.includes('"audit":true'))).toBe(false)
})
