import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { ask } from '../support/http-answer.js'
import { startTestService, type TestService } from '../support/start-service.js'

const portal = 'https://portal.example'

let server: DemoServer
let service: TestService

beforeAll(async () => {
  server = await startDemoServer({ alice: 'wonderland' })
  service = await startTestService({
    servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    environment: {
      EXTERNAL_URL: 'https://chat.portal.example/chat/',
      CORS_ORIGINS: portal,
    },
  })
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

describe('a service with a path in EXTERNAL_URL', () => {
  test('sets cookies for the external path, with Secure', async () => {
    const binding = await service.bind({
      ...{ jid: 'alice@localhost', password: 'wonderland', attach_binding: 'reply' },
    })
    expect(binding).toMatchObject({
      cookie: { attributes: expect.stringMatching(/^Path=\/chat\/http-bind; .*; Secure$/) },
    })
  })

  test('allows BOSH requests with credentials only from CORS_ORIGINS', async () => {
    const preflight = (origin: string) =>
      ask(`${service.url}/http-bind`, { method: 'OPTIONS', agent: false, headers: { Origin: origin } })
    expect((await preflight(portal)).headers).toMatchObject({
      'access-control-allow-origin': portal,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'Content-Type',
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      vary: 'Origin',
    })
    expect((await preflight('https://evil.example')).headers).not.toHaveProperty('access-control-allow-origin')
  })

  test('sends no CORS headers for the warm API, and allows every origin for host-meta', async () => {
    const headers = { Origin: portal }
    const warm = await ask(`${service.url}/warm`, { method: 'OPTIONS', agent: false, headers })
    expect(Object.keys(warm.headers).filter(name => name.startsWith('access-control'))).toEqual([])
    const hostMeta = await ask(`${service.url}/.well-known/host-meta`, { agent: false, headers })
    expect(hostMeta.headers['access-control-allow-origin']).toBe('*')
  })
})
