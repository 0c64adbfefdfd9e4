// The module for pages, as a browser of any origin loads it from the service.
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

const asset = (name: string) =>
  ask(`${service.url}/assets/${name}`, { agent: false, headers: { Origin: 'https://portal.example' } })

test('warm-bindings.js is readable from every origin, and cached for an hour', async () => {
  const { status, headers } = await asset('warm-bindings.js')
  expect([status, headers]).toMatchObject([
    200,
    {
      'content-type': 'text/javascript; charset=utf-8',
      'access-control-allow-origin': '*',
      'cache-control': 'public, max-age=3600',
      'last-modified': expect.any(String),
    },
  ])
})

test('the URL with the version is immutable, and another version returns 404', async () => {
  const [one, other] = [await asset('warm-bindings.js'), await asset(`warm-bindings-${version}.js`)]
  expect(other.headers).toMatchObject({
    'access-control-allow-origin': '*',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  expect(other.text).toBe(one.text)
  expect((await asset('warm-bindings-0.0.0.js')).status).toBe(404)
})

test('the module has at most 8,000 bytes compressed, and imports nothing', async () => {
  const { text } = await asset('warm-bindings.js')
  expect(gzipSync(text).length).toBeLessThanOrEqual(8000)
  expect(text).not.toMatch(/\bimport\b/)
})

test.each(['strophe.js', 'style.css', 'attach.js'])('%s is not readable from other origins', async name => {
  const { status, headers } = await asset(name)
  expect([status, headers['access-control-allow-origin']]).toEqual([200, undefined])
})
