import { afterEach, describe, expect, test } from '@jest/globals'
import { createFormTokens } from '../../../src/http/access/form-tokens.js'
import { JoinedProcesses, settled } from '../../support/joined-processes.js'

let time = 1_700_000_000_000
const now = () => time

describe('a token', () => {
  const tokens = createFormTokens(now)

  test('is accepted from its admin for an hour', () => {
    const token = tokens.token('admin@host')
    expect(tokens.accepts('admin@host', token)).toBe(true)
    time += 3_599_999
    expect(tokens.accepts('admin@host', token)).toBe(true)
    time += 1
    expect(tokens.accepts('admin@host', token)).toBe(false)
  })

  test('is refused from another admin, from another process, changed, cut or missing', () => {
    const token = tokens.token('admin')
    const [expiry, signature] = token.split('.')
    expect(tokens.accepts('other', token)).toBe(false)
    expect(createFormTokens(now).accepts('admin', token)).toBe(false)
    expect(tokens.accepts('admin', `${Number(expiry) + 1}.${signature}`)).toBe(false)
    expect(tokens.accepts('admin', `pppp0000-${token}`)).toBe(false)
    expect(tokens.accepts('admin', token.slice(0, -1))).toBe(false)
    for (const nothing of [undefined, '', '.', [token, token], { token }]) {
      expect(tokens.accepts('admin', nothing)).toBe(false)
    }
  })
})

describe('a token of one of several processes', () => {
  const joined = new JoinedProcesses()
  afterEach(() => joined.close())

  test('is accepted by all, as long as that process is there', async () => {
    const [one, two] = [await joined.start(), await joined.start('other000')]
    await settled()
    const [here, there] = [createFormTokens(now, one.nodes), createFormTokens(now, two.nodes)]
    const token = there.token('admin')
    expect(token).toMatch(/^other000-/)
    expect(there.accepts('admin', token)).toBe(true)
    expect(await here.accepts('admin', token)).toBe(true)
    expect(await here.accepts('portal', token)).toBe(false)
    const own = here.token('admin')
    expect(await here.accepts('admin', own.replace(one.nodes.self, two.nodes.self))).toBe(false)
    const before = joined.network.sent
    for (const none of [
      '',
      'other000-',
      `other000-${'1'.repeat(200)}`,
      token.slice(9),
      'nobody00-1.x',
      `*${token}`,
    ])
      expect(await here.accepts('admin', none)).toBe(false)
    expect(joined.network.sent - before).toBeLessThan(5)
    joined.network.stop('other000')
    const late = here.accepts('admin', token)
    await joined.pass(1_000)
    expect(await late).toBe(false)
    joined.network.goOn('other000')
    joined.kill(two)
    await settled()
    expect(await here.accepts('admin', token)).toBe(false)
  })
})
