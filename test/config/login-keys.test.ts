import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { load as loadAll, problemsOf } from '../support/settings.js'
import { testFolder } from '../support/test-folder.js'

const { file } = testFolder()
const load = (text: string) => loadAll({ XMPP_LOGIN_KEYS_FILE: file('keys', text) })

const secret = { kty: 'oct', k: Buffer.alloc(32, 7).toString('base64url') }
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signing = { ...pair.privateKey.export({ format: 'jwk' }), kid: 'one' }
const json = JSON.stringify

describe('keys of logins', () => {
  test('belong to their domain', () => {
    const { loginKeys } = load(`# keys\nExample.ORG = ${json(secret)}\nexample.net=${json(signing)}\n`).config
    expect([...loginKeys].map(([domain, { alg, kid }]) => [domain, alg, kid])).toEqual([
      ['example.org', 'HS256', undefined],
      ['example.net', 'ES256', 'one'],
    ])
    expect(loginKeys.get('example.org')!.key.export()).toEqual(Buffer.alloc(32, 7))
  })

  const like = 'must be like example.org={"kty":"oct","k":"…"}'
  const other = 'has a key that is neither for HS256 (kty oct) nor for ES256 (EC, P-256)'
  const publicKey = pair.publicKey.export({ format: 'jwk' })
  test.each([
    ['example.org=secret', like],
    ['example.org=null', other],
    [`*=${json(secret)}`, like],
    [`example.org=${json({ ...secret, k: 'c2hvcnQ' })}`, 'has a key of less than 32 bytes'],
    [`example.org=${json({ ...secret, alg: 'HS512' })}`, 'has a key with another alg than HS256'],
    [`example.org=${json({ ...signing, crv: 'P-384' })}`, other],
    [`example.org=${json(publicKey)}`, 'has a public key: the private key signs, with the member d'],
    [`example.org=${json({ ...signing, x: 'AA' })}`, 'has a broken key'],
    [`example.org=${json(secret)}\nEXAMPLE.org=${json(secret)}`, 'repeats the domain example.org'],
  ])('that are wrong are problems that do not quote the line: %s', (line, problem) => {
    const at = line.split('\n').length
    const found = problemsOf(() => load(line))
    expect(found).toEqual([`XMPP_LOGIN_KEYS_FILE line ${at} ${problem}`])
    expect(found.join()).not.toContain(secret.k)
  })
})
