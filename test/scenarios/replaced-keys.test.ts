// An identity provider signs with a new key at once, while strangers send tokens with unknown keys.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import { expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { Listener } from '../support/listener.js'
import { startLoginServer } from '../support/login-server/server.js'
import { startWatchedService } from '../support/login-server/watched-service.js'
import { callConnect, problemOf } from '../support/page-call.js'

const origin = 'https://portal.example'

const [before, after, strange] = ['before', 'after', 'strange'].map(kid => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}) as [Key, Key, Key]

interface Key {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: object
}

test('a sign-out with a new key is to be repeated if a stranger has caused the last fetch of keys', async () => {
  let published = [before]
  const provider = await Listener.start(
    createServer((_request, response) => response.end(JSON.stringify({ keys: published.map(({ jwk }) => jwk) }))),
  )
  const server = await startLoginServer({ domain: 'chat.example' })
  const iss = provider.url
  const service = await startWatchedService([server], {
    PAGE_ORIGINS: origin,
    PAGE_TOKEN_JWKS: `${iss}/keys`,
    PAGE_TOKEN_ISSUER: iss,
    PAGE_TOKEN_AUDIENCE: 'chat',
    PAGE_TOKEN_JID: '{sub}@chat.example',
    XMPP_SERVICE_ACCOUNTS: 'chat.example=portal:Pa55-of-portal',
  })
  const call = async (method: string, { kid, privateKey }: Key) => {
    const claims = { iss, aud: 'chat', sub: 'alice', sid: 's1', exp: Math.floor(Date.now() / 1000) + 60 }
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey)
    return callConnect(service.url, origin, { method, token })
  }
  try {
    expect(await call('DELETE', before)).toMatchObject({ status: 200, text: '{"ended":0}' })
    // Until the next fetch, the service cannot tell the stranger's key from a new one.
    const answer = await call('DELETE', strange)
    published = [after]
    expect(problemOf(answer)[0]).toBeGreaterThanOrEqual(401)
    const signOut = await call('DELETE', after)
    expect(problemOf(signOut)).toEqual([503, 'keys-unavailable'])
    // If its key is wrong, the first call may have had a stranger's place, and only this says why.
    expect(JSON.parse(signOut.text).detail).toContain('No key of PAGE_TOKEN_JWKS')
    // A backend repeats it for 20 s.
    expect(Number(signOut.headers['retry-after'])).toBeLessThanOrEqual(20)
    expect(problemOf(await call('POST', after))).toEqual([401, 'invalid-token'])
  } finally {
    await service.stop()
    await server.stop()
    await provider.stop()
  }
})
