import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createFormTokens } from '../../../src/http/access/form-tokens.js'
import { secretKeys } from '../../../src/lib/secrets/secret-hashes.js'

let time = 1_700_000_000_000
const now = () => time
const newKey = () => createSecretKey(randomBytes(32))
const tokensOf = (...keys: KeyObject[]) =>
  createFormTokens(
    secretKeys(() => (keys.length === 0 ? undefined : keys)),
    now,
  )

describe('a form token (CSRF)', () => {
  test('is accepted from its admin for an hour', () => {
    const tokens = tokensOf()
    const token = tokens.token('admin@host')
    expect(tokens.accepts('admin@host', token)).toBe(true)
    time += 3_599_999
    expect(tokens.accepts('admin@host', token)).toBe(true)
    time += 1
    expect(tokens.accepts('admin@host', token)).toBe(false)
  })

  test('is refused from another admin, from another service, changed, cut or missing', () => {
    const tokens = tokensOf()
    const token = tokens.token('admin')
    expect(tokens.accepts('other', token)).toBe(false)
    expect(tokensOf().accepts('admin', token)).toBe(false)
    for (let at = 0; at < token.length; at += 7) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
      expect(tokens.accepts('admin', changed)).toBe(false)
    }
    expect(tokens.accepts('admin', token.slice(0, -1))).toBe(false)
    for (const nothing of [undefined, '', '.', [token, token], { token }])
      expect(tokens.accepts('admin', nothing)).toBe(false)
  })

  test('is accepted by all processes with a key of SEAL_KEY_FILE in common, and by no others', () => {
    const [first, second, other] = [newKey(), newKey(), newKey()]
    const token = tokensOf(first, second).token('admin-one')
    for (const here of [tokensOf(first), tokensOf(second, first)]) {
      expect(here.accepts('admin-one', token)).toBe(true)
      expect(here.accepts('admin-two', token)).toBe(false)
    }
    for (const there of [tokensOf(second, other), tokensOf()]) expect(there.accepts('admin-one', token)).toBe(false)
    time += 3_600_000
    expect(tokensOf(first).accepts('admin-one', token)).toBe(false)
  })
})
