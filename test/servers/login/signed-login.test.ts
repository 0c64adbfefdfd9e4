import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { jwtVerify } from 'jose'
import type { LoginKey } from '../../../src/config/config.js'
import { signedLogin } from '../../../src/servers/login/signed-login.js'

const jid = { local: 'a\\20lice', domain: 'chat.example', resource: 'desk' }
const secret = createSecretKey(randomBytes(32))
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test.each([
  [{ alg: 'HS256', key: secret, kid: undefined }, secret],
  [{ alg: 'ES256', key: privateKey, kid: 'second' }, publicKey],
] as const)('a signed login is a token for the user, good for a minute: %j', async (key: LoginKey, verifying) => {
  const now = Math.floor(Date.now() / 1000)
  const { payload, protectedHeader } = await jwtVerify(signedLogin(key, jid), verifying)
  expect(protectedHeader).toEqual({ alg: key.alg, typ: 'JWT', ...(key.kid !== undefined && { kid: key.kid }) })
  expect(payload).toMatchObject({ jid: 'a\\20lice@chat.example', sub: 'a\\20lice' })
  expect(payload.iat).toBeLessThan(now)
  expect(payload.exp! - now).toBeGreaterThanOrEqual(60)
  expect(payload.exp! - now).toBeLessThan(65)
})
