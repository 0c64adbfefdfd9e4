import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import type { Config } from '../../src/config/config.js'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { config, credentials, fakeService } from '../warm/fake-login.js'

const open = { listen: { ...config.listen, places: [{ host: '0.0.0.0', port: 0 }] } }
const strict = { requireSecure: true }
const ask = (method: 'get' | 'head' | 'post', path: string, settings: Partial<Config>) =>
  request(fakeService({ externalUrl: 'https://web.example/chat', ...settings }).app)[method](path)

describe('over an unencrypted connection', () => {
  test.each([
    ['/', 'https://web.example/chat/'],
    ['/warm', 'https://web.example/chat/warm'],
    ['/warm/', 'https://web.example/chat/warm'],
  ])('the page at %s redirects to its https address', async (path, address) => {
    for (const method of ['get', 'head'] as const) {
      const { status, headers } = await ask(method, path, open)
      expect([status, headers['location'], headers['cache-control']]).toEqual([308, address, 'no-store'])
      expect(headers).not.toHaveProperty('www-authenticate')
    }
  })

  test('a call is refused and not redirected, because its password has been sent', async () => {
    const reply = await ask('post', '/warm', open).auth(...credentials)
    expect(reply.status).toBe(403)
  })

  test('pages are not redirected if no https address is known', async () => {
    expect((await ask('get', '/', { ...open, externalUrl: undefined })).status).toBe(200)
    expect((await ask('get', '/warm', { ...open, externalUrl: undefined })).status).toBe(403)
  })

  test('a client behind an unknown proxy gets an error instead of endless redirects', async () => {
    const reply = await ask('get', '/warm', open).set('Via', '1.1 proxy')
    expect([reply.status, reply.text]).toEqual([403, expect.stringContaining('insecure-channel')])
  })
})

describe('behind a proxy on the same machine, where all addresses are loopback', () => {
  const through = (scheme: string) =>
    ask('get', '/warm', { trustedProxies: readNetworks('loopback', () => undefined) })
      .set('X-Forwarded-For', '10.0.0.9')
      .set('X-Forwarded-Proto', scheme)

  test('browsers that sent a request without TLS are redirected to https', async () => {
    const { status, headers } = await through('http')
    expect([status, headers['location']]).toEqual([308, 'https://web.example/chat/warm'])
  })

  test('browsers that sent a request over TLS are not redirected', async () => {
    expect((await through('https')).status).toBe(401)
  })
})

describe('pages are served without a redirect', () => {
  test.each([
    ['on a loopback address', {}],
    ['behind a proxy with TLS', { assumeSecure: true, ...open, ...strict }],
  ])('%s', async (_what, settings) => {
    expect((await ask('get', '/', settings)).status).toBe(200)
    expect((await ask('get', '/warm', settings)).status).toBe(401)
  })

  test('except if all requests must be encrypted', async () => {
    expect((await ask('get', '/', strict)).status).toBe(308)
  })
})
