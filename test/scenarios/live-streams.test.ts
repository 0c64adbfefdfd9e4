import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { afterEach, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { callSessions } from '../support/sessions-api.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'

let service: TestService | undefined

afterEach(async () => {
  await service?.stop()
  service = undefined
})

async function subscribe(page: string) {
  const headers = { Authorization: adminHeader, Accept: 'text/event-stream' }
  const request = get(`${service!.url}/warm/${page}`, { headers, agent: false })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  answer.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  return { answer, text: () => text, ended: once(answer, 'end') }
}

test.each(['numbers', 'failures', 'audit'])('a stop ends the stream of /warm/%s', async page => {
  service = await startTestService()
  const { answer, text, ended } = await subscribe(page)
  expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store'])
  await eventually('the page', () => text().includes('</html>'))
  expect(text()).toContain(`<h1>${page[0]!.toUpperCase()}${page.slice(1)}</h1>`)
  const begun = performance.now()
  await service.stop()
  await ended
  expect(performance.now() - begun).toBeLessThan(4_000)
})

test('a wrong secret opens no stream, and the audit trail shows the attempt to admins of all domains', async () => {
  service = await startTestService()
  const wrong = `Basic ${Buffer.from('admin:wrong').toString('base64')}`
  const refused = get(`${service.url}/warm/audit`, { headers: { Authorization: wrong, Accept: 'text/event-stream' } })
  const [{ statusCode }] = (await once(refused, 'response')) as [IncomingMessage]
  expect(statusCode).toBe(401)
  refused.destroy()
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'admin login', admin: 'admin', code: 'unauthorized', jids: [] }])
  // Reading is no part of the trail.
  expect((await callSessions(service.url, 'GET', '/audit')).json).toEqual(json)
})

test('with AUDIT_LOG=off the page still shows the last lines', async () => {
  service = await startTestService({ environment: { AUDIT_LOG: 'off' } })
  await callSessions(service.url, 'DELETE', '/sessions?jid=alice@localhost')
  const { json } = await callSessions(service.url, 'GET', '/audit')
  expect(json.lines).toMatchObject([{ action: 'logout', jids: ['alice@localhost'], ended: 0 }])
  expect(service.lines.some(line => line.includes('"audit":true'))).toBe(false)
})
