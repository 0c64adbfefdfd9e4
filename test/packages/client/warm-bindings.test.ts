import { once } from 'node:events'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { WarmBindings } from '../../../src/packages/client/warm-bindings.js'
import { portal } from '../../support/backends/backend.js'
import { testConduct } from '../../support/backends/conduct.js'
import { javaScript } from '../../support/backends/javascript.js'
import { problem, ScriptedApi } from '../../support/backends/scripted-api.js'
import { eventually } from '../../support/eventually.js'

const alice = { jid: 'alice@example.org', password: 'wonderland' }

describe('The client in JavaScript', () => {
  testConduct(javaScript)
})

describe('the client', () => {
  const url = 'http://127.0.0.1:8080/warm'

  test.each([
    '',
    'warm',
    'http://127.0.0.1:8080',
    'http://127.0.0.1:8080/',
    'ftp://127.0.0.1/warm',
    'http://127.0.0.1:8080/warm?a=b',
    'http://127.0.0.1:8080/warm#a',
    'http://portal:choose-a-secret@127.0.0.1:8080/warm',
  ])('rejects the address %j', address => {
    const make = () => new WarmBindings({ ...portal, url: address })
    expect(make).toThrow('url is the address of /warm, such as http://127.0.0.1:8080/warm, and no more')
    expect(make).toThrow(TypeError)
  })

  test.each([{ user: '' }, { user: 'a:b' }, { secret: '' }])('rejects the account %j', account => {
    expect(() => new WarmBindings({ url, ...portal, ...account })).toThrow(TypeError)
  })

  test('does not show its secret when it is logged', () => {
    const client = new WarmBindings({ url, ...portal })
    const shown = inspect(client, { showHidden: true, depth: 9 }) + JSON.stringify(client)
    expect(shown).not.toContain(portal.secret)
    expect(shown).not.toContain('Basic')
  })
})

describe('the client at a service', () => {
  let api: ScriptedApi
  let client: WarmBindings

  beforeEach(async () => {
    api = await ScriptedApi.start()
    client = new WarmBindings({ url: `${api.url}/`, ...portal })
  })

  afterEach(() => api.stop())

  test('closes the connection of a call that its caller aborts', async () => {
    let hungUp: Promise<unknown> | undefined
    api.script = (_asked, response) => {
      hungUp = once(response, 'close')
      return undefined
    }
    const caller = new AbortController()
    const call = client.warm(alice, { signal: caller.signal })
    const outcome = expect(call).rejects.toBe('left')
    await eventually('the request', () => hungUp !== undefined)
    caller.abort('left')
    await outcome
    await hungUp
    expect(api.asked.length).toBe(1)
  })

  test('does not repeat a call that its caller aborts during a pause', async () => {
    const caller = new AbortController()
    api.script = (_asked, response) => {
      response.once('close', () => setImmediate(() => caller.abort('left')))
      return problem('service-full', 503, 30)
    }
    await expect(client.warm(alice, { signal: caller.signal })).rejects.toBe('left')
    await expect(client.resume('0'.repeat(32), {}, { signal: caller.signal })).rejects.toBe('left')
    await expect(client.sessions({}, { signal: caller.signal }).next()).rejects.toBe('left')
    expect(api.asked.length).toBe(1)
  })

  test('fetches only as many pages of a list as are read', async () => {
    api.script = () => ({ status: 200, body: { sessions: [{ id: 'a' }, { id: 'b' }], total: 9, next: 'b' } })
    const ids: string[] = []
    for await (const { id } of client.sessions()) {
      ids.push(id)
      if (ids.length === 3) break
    }
    expect(ids).toEqual(['a', 'b', 'a'])
    expect(api.asked.map(({ path }) => path)).toEqual([
      '/warm/sessions?limit=1000',
      '/warm/sessions?limit=1000&after=b',
    ])
  })

  test('reads a long answer completely', async () => {
    const sessions = Array.from({ length: 1000 }, (_each, index) => ({
      id: `${index}`,
      jid: 'ä'.repeat(1500),
    }))
    api.script = () => ({ status: 200, body: { sessions, total: 1000 } })
    const got = []
    for await (const session of client.sessions()) got.push(session)
    expect(got).toEqual(sessions)
  })
})
