import { describe, expect, test } from '@jest/globals'
import type { Admin } from '../../../src/config/config.js'
import { createFormTokens, formKeyOf } from '../../../src/http/access/form-tokens.js'

let time = 1_700_000_000_000
const now = () => time
const admins: Admin[] = ['one', 'two'].map(secret => ({ name: `admin-${secret}`, secret, domains: ['*'], role: 'all' }))
const tokensOf = async (own: readonly Admin[], others: boolean) => createFormTokens(await formKeyOf(own, others), now)

describe('a form token (CSRF)', () => {
  test('is accepted from its admin for an hour', async () => {
    const tokens = await tokensOf(admins, false)
    const token = tokens.token('admin@host')
    expect(tokens.accepts('admin@host', token)).toBe(true)
    time += 3_599_999
    expect(tokens.accepts('admin@host', token)).toBe(true)
    time += 1
    expect(tokens.accepts('admin@host', token)).toBe(false)
  })

  test('is refused from another admin, from another service, changed, cut or missing', async () => {
    const tokens = await tokensOf(admins, false)
    const token = tokens.token('admin')
    const [expiry, signature] = token.split('.')
    expect(tokens.accepts('other', token)).toBe(false)
    expect((await tokensOf(admins, false)).accepts('admin', token)).toBe(false)
    expect(tokens.accepts('admin', `${Number(expiry) + 1}.${signature}`)).toBe(false)
    expect(tokens.accepts('admin', `pppp0000-${token}`)).toBe(false)
    expect(tokens.accepts('admin', token.slice(0, -1))).toBe(false)
    for (const nothing of [undefined, '', '.', [token, token], { token }]) {
      expect(tokens.accepts('admin', nothing)).toBe(false)
    }
  })

  test('is accepted by all processes with the same admins, and by no others', async () => {
    const [here, there] = [await tokensOf(admins, true), await tokensOf(admins, true)]
    const token = there.token('admin-one')
    expect(here.accepts('admin-one', token)).toBe(true)
    expect(here.accepts('admin-two', token)).toBe(false)
    for (const others of [[], [admins[0]!], [admins[0]!, { ...admins[1]!, secret: 'three' }]])
      expect((await tokensOf(others, true)).accepts('admin-one', token)).toBe(false)
    time += 3_600_000
    expect(here.accepts('admin-one', token)).toBe(false)
  })
})
