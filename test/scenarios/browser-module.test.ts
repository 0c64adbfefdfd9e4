// The modules for pages, as a browser of any origin loads them from the service.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ask } from '../support/http-answer.js'
import { startTestService, type TestService } from '../support/start-service.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

let service: TestService

beforeAll(async () => {
  service = await startTestService()
})

afterAll(async () => service?.stop())

const asset = (name: string) => ask(`${service.url}/assets/${name}`, { headers: { Origin: 'https://portal.example' } })

const modules = [
  ['warm-bindings', 11_350],
  ['warm-bindings-more', 2_650],
  ['warm-bindings-converse', 8_700],
] as const

test.each(modules)(
  '%s.js has at most %d bytes compressed, and is immutable at a URL with its version',
  async (name, most) => {
    const { text } = await asset(`${name}.js`)
    expect(gzipSync(text).length).toBeLessThanOrEqual(most)
    expect(text).not.toMatch(/\bimport\b/)
    const immutable = await asset(`${name}-${version}.js`)
    expect(immutable.text).toBe(text)
    expect(immutable.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect((await asset(`${name}-0.0.0.js`)).status).toBe(404)
  },
)

test.each(['strophe', ...modules.map(([name]) => name)])(
  '%s.js is cached for an hour, and can be loaded by pages of any origin, also isolated ones (COEP)',
  async name => {
    const { status, headers } = await asset(`${name}.js`)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      ...{ 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'public, max-age=3600' },
      ...{ 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' },
      'last-modified': expect.any(String),
    })
  },
)

test.each(['style.css', 'attach.js'])('%s is not readable from other origins', async name => {
  const { status, headers } = await asset(name)
  expect([status, headers['access-control-allow-origin']]).toEqual([200, undefined])
})
