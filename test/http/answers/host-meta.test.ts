import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import type { Config } from '../../../src/config/config.js'
import { config, fakeService, networks } from '../../warm/fake-login.js'

const xrd = '/.well-known/host-meta'
const json = '/.well-known/host-meta.json'
const get = (path: string, settings: Partial<Config> = {}, headers: Record<string, string> = {}) =>
  request(fakeService(settings).app)
    .get(path)
    .set({ Host: 'chat.example', ...headers })

const bosh = { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://web.example/http-bind' }
const websocket = { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://web.example/xmpp-websocket' }
const withoutBosh = { bosh: { ...config.bosh, enabled: false } }
const withoutWebSocket = { websocket: { ...config.websocket, enabled: false } }

describe('host-meta', () => {
  test('names the endpoints in XML (XEP-0156 §3.1), for pages of all sites', async () => {
    const { status, headers, text } = await get(xrd, { externalUrl: "https://web.example/o'c" })
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/xrd+xml; charset=utf-8')
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(text).toBe(
      "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>" +
        "<Link rel='urn:xmpp:alt-connections:xbosh' href='https://web.example/o&apos;c/http-bind'/>" +
        "<Link rel='urn:xmpp:alt-connections:websocket' href='wss://web.example/o&apos;c/xmpp-websocket'/></XRD>\n",
    )
  })

  test('names them in JSON (XEP-0156 §3.2)', async () => {
    const { status, headers, body } = await get(json)
    expect([status, headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    expect(body).toEqual({ links: [bosh, websocket] })
  })

  test('names only enabled endpoints', async () => {
    expect((await get(json, withoutBosh)).body).toEqual({ links: [websocket] })
    expect((await get(json, withoutWebSocket)).body).toEqual({ links: [bosh] })
    expect((await get(xrd, withoutWebSocket)).text).not.toContain('websocket')
  })

  const hidden = { externalUrl: undefined }
  const named = { ...hidden, http: { ...config.http, names: ['chat.example'] } }
  const forwarded = { 'X-Forwarded-Proto': 'https' }

  test.each([
    ['EXTERNAL_URL is not set', hidden, {}],
    ['EXTERNAL_URL is not https', { externalUrl: 'http://web.example' }, {}],
    ['only the request is over https', hidden, forwarded],
    ['only the request is over https, to a known name', named, forwarded],
    ['an untrusted proxy sends https', { ...hidden, trustedProxies: networks('none') }, forwarded],
    ['all endpoints are off', { ...withoutBosh, ...withoutWebSocket }, {}],
  ])('is 404 if %s', async (_what, settings, headers) => {
    for (const path of [xrd, json]) {
      const reply = await get(path, settings, headers)
      expect([reply.status, reply.headers['access-control-allow-origin']]).toEqual([404, '*'])
    }
  })

  test('refuses other methods', async () => {
    const { status, headers } = await request(fakeService().app).post(xrd)
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD'])
  })
})
