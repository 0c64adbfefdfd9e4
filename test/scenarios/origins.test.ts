import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ask } from '../support/http-answer.js'
import { startTestService, type TestService } from '../support/start-service.js'

const portal = 'https://portal.example'

let service: TestService

beforeAll(async () => {
  service = await startTestService({ environment: { CORS_ORIGINS: portal } })
})

afterAll(() => service.stop())

test('BOSH requests with credentials are allowed only from CORS_ORIGINS', async () => {
  const preflight = (origin: string) =>
    ask(`${service.url}/http-bind`, { method: 'OPTIONS', agent: false, headers: { Origin: origin } })
  expect((await preflight(portal)).headers).toMatchObject({
    'access-control-allow-origin': portal,
    'access-control-allow-credentials': 'true',
  })
  expect((await preflight('https://evil.example')).headers).not.toHaveProperty('access-control-allow-origin')
})
