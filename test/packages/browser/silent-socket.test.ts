// A proxy that passes the 101 of a WebSocket, and then nothing: the page must not wait for ever.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { Status } from '../../support/fake-strophe.js'

const page = eachPage()
const { statuses } = page
let asked: number
let isResumed: boolean

beforeEach(() => {
  asked = 0
  isResumed = false
})

const binding = async () => ({ ...pageBinding, sid: `s${++asked}`, resumed: isResumed })

const calls = () => page.connections.flatMap(connection => connection.calls)
const attachments = () => calls().filter(call => call.startsWith('attach'))

describe.each(Object.entries(page.modules))('Over a silent WebSocket, %s', (_name, start) => {
  test('uses BOSH after ten seconds', async () => {
    start({ binding })
    await passes(9_999)
    expect(calls()).toEqual(['connect'])
    await passes(1)
    expect(calls()).toEqual(expect.arrayContaining(['connect', 'reset', 'disconnect']))
    expect(attachments()).toHaveLength(1)
    expect(page.last.service).toBe('https://chat.example.org/http-bind')
    await page.comesOnline()
    expect(statuses.at(-1)).toMatchObject({ state: 'online' })
    await passes(60_000)
    expect(attachments()).toHaveLength(1)
  })

  test('uses BOSH, with a new binding, if the WebSocket falls silent after its first element', async () => {
    start({ binding })
    await passes(0)
    page.last.receives('open')
    await passes(10_000)
    expect(attachments()).toEqual(['attach s2 5'])
  })

  test('uses BOSH if the WebSocket is silent after a reconnect', async () => {
    start({ binding })
    await passes(0)
    page.last.becomes(Status.connected)
    page.hears('connected')
    expect(statuses.at(-1)).toMatchObject({ state: 'online' })
    await passes(60_000)
    expect(calls().filter(call => call === 'connect')).toHaveLength(1)
    isResumed = true
    page.last.becomes(Status.disconnected)
    // A pause of up to a second comes first.
    await passes(1_000)
    expect(calls().filter(call => call === 'connect')).toHaveLength(2)
    await passes(10_000)
    expect(attachments()).toHaveLength(1)
  })

  test('becomes offline, and retries, if it must use WebSocket', async () => {
    start({ binding, transport: 'websocket' })
    await passes(10_000)
    expect(statuses.at(-1)).toMatchObject({ state: 'offline', code: 'unreachable', retryIn: 1 })
    await passes(1_000)
    expect(calls().filter(call => call === 'connect')).toHaveLength(2)
    expect(attachments()).toEqual([])
  })
})

test('a WebSocket without an answer to a ping is hung up and resumed: late stanzas would be confirmed, but not shown', async () => {
  page.modules['the module']!({ binding, transport: 'websocket' })
  await passes(0)
  page.last.becomes(Status.connected)
  page.last.answers('urn:xmpp:ping', null)
  expect(calls()).toEqual(['connect', 'reset', 'disconnect'])
  isResumed = true
  await passes(1_000)
  expect(calls().filter(call => call === 'connect')).toHaveLength(2)
})
