import { describe, expect, test } from '@jest/globals'
import { hashLike, hashSecret, parseSecretHash } from '../../../src/config/kinds/secret-hash.js'
import { problems } from '../../support/settings.js'

describe('the hash of a secret', () => {
  test('contains its parameters, and matches only its secret', async () => {
    const text = await hashSecret('geheim-ü')
    expect(text).toMatch(/^scrypt\$15\$8\$1\$[\w-]{22}\$[\w-]{43}$/)
    const hash = parseSecretHash(text)!
    expect((await hashLike(hash, 'geheim-ü')).equals(hash.hash)).toBe(true)
    expect((await hashLike(hash, 'geheim-u')).equals(hash.hash)).toBe(false)
    // Because of its salt.
    expect(await hashSecret('geheim-ü')).not.toBe(text)
  })

  test('matches RFC 7914 §12', async () => {
    const salt = Buffer.from('SodiumChloride').toString('base64url')
    const expected =
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'
    const text = `scrypt$14$8$1$${salt}$${Buffer.from(expected, 'hex').toString('base64url')}`
    expect((await hashLike(parseSecretHash(text)!, 'pleaseletmein')).toString('hex')).toBe(expected)
  })

  const salt = 'A'.repeat(22)
  const hash = 'A'.repeat(43)
  test.each([
    ['a plain secret', 'scrypt'],
    ['another scheme', `bcrypt$15$8$1$${salt}$${hash}`],
    ['no hash', `scrypt$15$8$1$${salt}$`],
    ['a short hash', `scrypt$15$8$1$${salt}$AAAA`],
    ['other characters', `scrypt$15$8$1$${salt}$${hash.replace('A', '+')}`],
    ['a cost of zero', `scrypt$1$8$1$${salt}$${hash}`],
    ['parameters that need too much memory', `scrypt$22$8$1$${salt}$${hash}`],
    ['no blocks', `scrypt$15$0$1$${salt}$${hash}`],
  ])('is not parsed from %s', (_what, text) => {
    expect(parseSecretHash(text)).toBeUndefined()
  })
})

test('an admin whose secret is a broken hash stops the start, and the error does not quote it', () => {
  expect(problems({ ADMIN_USERS: 'portal:scrypt$15$8$1$abc' })).toEqual([
    'ADMIN_USERS entry 1 has a hash that is broken or too costly: make it with warm-bindings hash-password',
  ])
})
