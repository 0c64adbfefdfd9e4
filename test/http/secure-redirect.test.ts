import { expect, test } from '@jest/globals'
import request from 'supertest'
import type { Config } from '../../src/config/config.js'
import { readNetworks } from '../../src/config/kinds/networks.js'
import { config, credentials, fakeService } from '../warm/fake-login.js'

const base = 'https://web.example/chat'
const open = { listen: { ...config.listen, places: [{ host: '0.0.0.0', port: 0 }] } }
const unknown = { ...open, externalUrl: undefined }
const strict = { requireSecure: true }
const behindTls = { assumeSecure: true, ...open, ...strict }
/** All addresses are loopback. */
const behind = { trustedProxies: readNetworks('loopback', () => undefined) }
const through = (scheme: string) => ({ 'X-Forwarded-For': '10.0.0.9', 'X-Forwarded-Proto': scheme })
const ask = (method: 'get' | 'head' | 'post', path: string, settings: Partial<Config>) =>
  request(fakeService({ externalUrl: base, ...settings }).app)[method](path)

test.each<[string, string, Partial<Config>, Record<string, string>, number, string | undefined]>([
  ['is redirected to its https address', '/', open, {}, 308, `${base}/`],
  ['is redirected to its https address', '/warm', open, {}, 308, `${base}/warm`],
  ['is redirected to its https address', '/warm/', open, {}, 308, `${base}/warm`],
  ['is served if no https address is known', '/', unknown, {}, 200, undefined],
  ['is refused if no https address is known', '/warm', unknown, {}, 403, undefined],
  ['is refused behind an unknown proxy, not redirected without end', '/warm', open, { Via: '1.1 a' }, 403, undefined],
  ['is redirected if a proxy here got it without TLS', '/warm', behind, through('http'), 308, `${base}/warm`],
  ['asks for a password if a proxy here got it over TLS', '/warm', behind, through('https'), 401, undefined],
  ['is served on a loopback address', '/', {}, {}, 200, undefined],
  ['asks for a password on a loopback address', '/warm', {}, {}, 401, undefined],
  ['is served behind a proxy with TLS', '/', behindTls, {}, 200, undefined],
  ['asks for a password behind a proxy with TLS', '/warm', behindTls, {}, 401, undefined],
  ['is redirected also here if all requests must be encrypted', '/', strict, {}, 308, `${base}/`],
])('a page over an unencrypted connection %s: %s', async (_what, path, settings, sent, status, location) => {
  for (const method of ['get', 'head'] as const) {
    const { headers, ...reply } = await ask(method, path, settings).set(sent)
    expect([reply.status, headers['location']]).toEqual([status, location])
    expect('www-authenticate' in headers).toBe(status === 401)
    if (status === 308) expect(headers['cache-control']).toBe('no-store')
  }
})

test('a call over an unencrypted connection is not redirected, because its password has been sent', async () => {
  expect((await ask('post', '/warm', open).auth(...credentials)).status).toBe(403)
})
