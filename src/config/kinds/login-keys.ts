// Problems never quote lines, which contain keys.
import { createPrivateKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { attempt } from '../../lib/attempt.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { inFile, linesIn } from '../setting-file.js'
import type { Kind, Report } from './kinds.js'
import { leastSecretBytes } from './page-token-kinds.js'

/** Signs tokens with which users log in at an XMPP server that knows the key. */
export interface LoginKey {
  readonly alg: 'HS256' | 'ES256'
  readonly key: KeyObject
  readonly kid: string | undefined
}

/** A file of lines `domain={JWK}` (RFC 7517). */
export const loginKeysFile: Kind<ReadonlyMap<string, LoginKey>> = inFile((text, report) => {
  const keys = new Map<string, LoginKey>()
  for (const { number, text: line } of linesIn(text)) {
    const fault: Report = problem => report(`line ${number} ${problem}`)
    const [, left = '', json = ''] = /^([^=]*)=(.*)$/s.exec(line) ?? []
    const domain = prepareDomain(left.trim())
    const key = keyIn(json)
    if (domain === undefined || key === undefined) fault('must be like example.org={"kty":"oct","k":"…"}')
    else if (typeof key === 'string') fault(key)
    else if (keys.has(domain)) fault(`repeats the domain ${domain}`)
    else keys.set(domain, key)
  }
  return keys
})

/** Undefined if this is no JWK, and a text if it cannot be used. */
function keyIn(json: string): LoginKey | string | undefined {
  const jwk: JsonWebKey | undefined = attempt(() => JSON.parse(json))
  if (jwk === undefined) return undefined
  const { kty, k, crv, d, kid } = jwk ?? {}
  const about = { kid: typeof kid === 'string' ? kid : undefined }
  if (kty === 'oct' && typeof k === 'string') {
    const secret = Buffer.from(k, 'base64url')
    if (secret.length < leastSecretBytes) return `has a key of less than ${leastSecretBytes} bytes`
    return usable(jwk, { alg: 'HS256', key: createSecretKey(secret), ...about })
  }
  if (kty !== 'EC' || crv !== 'P-256') return 'has a key that is neither for HS256 (kty oct) nor for ES256 (EC, P-256)'
  if (typeof d !== 'string') return 'has a public key: the private key signs, with the member d'
  const key = attempt(() => createPrivateKey({ key: jwk, format: 'jwk' }))
  return key === undefined ? 'has a broken key' : usable(jwk, { alg: 'ES256', key, ...about })
}

function usable({ alg = '' }: JsonWebKey, key: LoginKey): LoginKey | string {
  return alg === '' || alg === key.alg ? key : `has a key with another alg than ${key.alg}`
}
