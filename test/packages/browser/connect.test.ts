// What a page gets of `connect`, and what the module sends before its login.
import { expect, jest, test } from '@jest/globals'
import { connect, eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { FakeConnection, Status } from '../../support/fake-strophe.js'

const page = eachPage()
const { statuses, onStatus } = page

test('a chat that comes back by itself after minutes without the service is given to its page', async () => {
  let isUp = false
  const binding = async () => {
    if (isUp) return pageBinding
    throw new TypeError('no network')
  }
  const settled = jest.fn()
  connect({ Strophe: page.Strophe, binding, onStatus, history: 0, transport: 'bosh' }).then(
    chat => settled('resolved', 'send' in chat),
    error => settled('rejected', error.code),
  )
  await passes(900_000)
  expect(statuses.at(-1)).toMatchObject({ state: 'ended', code: 'unreachable' })
  isUp = true
  page.occurs('online')
  await page.comesOnline()
  expect(statuses.at(-1)).toMatchObject({ state: 'online' })
  expect(settled.mock.calls).toEqual([['resolved', true]])
})

test('a chat that has ended for good is not given to its page', async () => {
  const chat = connect({ Strophe: page.Strophe, binding: async () => undefined })
  await expect(chat).rejects.toMatchObject({ code: 'session-over', message: 'The chat has ended.' })
})

// Strophe gives what is sent to the WebSocket at once, which throws until it is open, or before the login.
test.each([
  ['a network that comes back', () => ['offline', 'online'].forEach(type => void page.occurs(type)), 0],
  ['the check of each WebSocket', () => {}, 8_000],
])('nothing is sent over a WebSocket before its login, also after %s', async (_what, happens, milliseconds) => {
  const asked = jest.spyOn(FakeConnection.prototype, 'sendIQ')
  let isUp = milliseconds === 0
  const binding = async () => {
    if (isUp) return pageBinding
    throw new TypeError('no network')
  }
  void connect({ Strophe: page.Strophe, binding, onStatus, history: 0, transport: 'websocket' })
  await passes(isUp ? 0 : 42_500)
  isUp = true
  page.occurs('online')
  page.occurs('visibilitychange')
  while (page.connections.length === 0) await passes(1_000)
  happens()
  await passes(milliseconds)
  expect([asked.mock.calls.length, page.last.sentNames]).toEqual([0, []])
  page.last.becomes(Status.connected)
  expect(asked).toHaveBeenCalled()
  expect(statuses.at(-1)).toMatchObject({ state: 'online' })
})

test('a chat that signs out closes, and then ends the sessions of the other tabs', async () => {
  const requests: string[] = []
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (url, { method = 'GET' } = {}) => {
    requests.push(`${method} ${new URL(String(url)).pathname}`)
    return Response.json(method === 'POST' ? pageBinding : { ended: 2 })
  })
  const service = { service: 'https://chat.example.org', token: async () => 'a.b.c' }
  const opened = connect({ Strophe: page.Strophe, ...service, onStatus, history: 0, transport: 'bosh' })
  await page.comesOnline()
  const chat = await opened
  await chat.signOut(() => void requests.push('sign-out'))
  expect(requests).toEqual(['POST /connect', 'sign-out', 'DELETE /connect'])
  expect([statuses.at(-1)?.code, page.last.calls.at(-1)]).toEqual(['closed', 'disconnect'])
})
