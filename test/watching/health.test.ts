import { createServer } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { createHealthListeners } from '../../src/watching/health.js'

let fault: string | undefined
let notice: string | undefined
const noted: string[] = []
const listeners = createHealthListeners(
  () => fault,
  () => notice,
  (_request, reason) => void noted.push(reason),
)
const server = createServer((req, res) => listeners.get(req.url!)!(req, res))

describe('a health check', () => {
  test.each<[string, string | undefined, string | undefined, number, string]>([
    ['is amiss with a service that takes sessions', undefined, 'the store is away', 200, 'ok, but the store is away'],
    ['keeps the service from them', 'MAX_SESSIONS is reached', undefined, 503, 'not ready: MAX_SESSIONS is reached'],
  ])('at /readyz tells what %s, while /healthz returns 200', async (_what, why, about, status, text) => {
    fault = why
    notice = about
    const [ready, healthy] = [await request(server).get('/readyz'), await request(server).get('/healthz')]
    notice = undefined
    expect([ready.status, ready.text, healthy.status, healthy.text]).toEqual([status, text, 200, 'ok'])
  })

  test.each(['/healthz', '/readyz'])('at %s returns only ok if the service is ready', async path => {
    fault = undefined
    const reply = await request(server).get(path)
    expect([reply.status, reply.text]).toEqual([200, 'ok'])
    expect(reply.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'content-length': '2',
    })
    const head = await request(server).head(path)
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, undefined, '2'])
  })

  test('may use only GET and HEAD', async () => {
    const reply = await request(server).post('/readyz').send('x')
    expect([reply.status, reply.headers['allow'], reply.text]).toEqual([405, 'GET, HEAD', 'Allowed: GET, HEAD.\n'])
    expect(noted).toEqual(['method'])
  })
})
