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
      CORS_CREDENTIALS: 'on',
      CORS_HEADERS: 'Content-Type, X-Portal',
      CORS_METHODS: 'POST, OPTIONS',
    },
  })
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

describe('a service behind a path of a host of its own', () => {
  test('sets its cookies for the path that browsers see, and for encrypted channels', async () => {
    const binding = await service.bind({
      ...{ jid: 'alice@localhost', password: 'wonderland', attach_binding: 'reply' },
    })
    expect(binding).toMatchObject({
      cookie: { attributes: expect.stringMatching(/^Path=\/chat\/http-bind; .*; Secure$/) },
    })
  })

  test('lets pages of the listed origin send them, and no others', async () => {
    const preflight = (origin: string) =>
      ask(`${service.url}/http-bind`, { method: 'OPTIONS', agent: false, headers: { Origin: origin } })
    expect((await preflight(portal)).headers).toMatchObject({
      'access-control-allow-origin': portal,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'Content-Type, X-Portal',
      'access-control-allow-methods': 'POST, OPTIONS',
      vary: 'Origin',
    })
    expect((await preflight('https://evil.example')).headers).not.toHaveProperty('access-control-allow-origin')
  })

  test('lets pages of no other origin read the warm API, and all of them host-meta', async () => {
    const headers = { Origin: portal }
    const warm = await ask(`${service.url}/warm`, { method: 'OPTIONS', agent: false, headers })
    expect(Object.keys(warm.headers).filter(name => name.startsWith('access-control'))).toEqual([])
    const hostMeta = await ask(`${service.url}/.well-known/host-meta`, { agent: false, headers })
    expect(hostMeta.headers['access-control-allow-origin']).toBe('*')
  })
})
