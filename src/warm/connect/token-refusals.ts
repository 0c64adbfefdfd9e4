import { decodeJwt, decodeProtectedHeader, errors } from 'jose'
import { attempt } from '../../lib/attempt.js'
import { Problem } from '../../lib/errors.js'
import { type Claims, refused } from './page-claims.js'
import { MaybeNewKey } from './page-keys.js'

const mostCharacters = 8192
const compact = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** The setting that names the keys. */
export type KeySetting = 'PAGE_TOKEN_SECRET_FILE' | 'PAGE_TOKEN_JWKS' | 'PAGE_TOKEN_ISSUER'

const settingOfClaim: Readonly<Record<string, string>> = { aud: 'PAGE_TOKEN_AUDIENCE', iss: 'PAGE_TOKEN_ISSUER' }

const clocks = 'the clocks of the portal and of this machine differ.'

/** These claims tell apps apart. */
const claimsOfApp: readonly string[] = ['aud', 'client_id', 'azp']
/** These claims tell ID tokens and access tokens apart. */
const claimsOfKind: readonly string[] = ['token_use', 'token_type', 'typ', 'scope', 'scp']

export function demandJwt(token: string): void {
  if (token.length <= mostCharacters && compact.test(token)) return
  const parts = token.length > mostCharacters ? undefined : token.split('.').length
  // RFC 7516 §3.1.
  if (parts === 5)
    throw refused(
      'It is encrypted (JWE), so only its receiver can read it: ask the provider for an access token for your API, or sign one of your own.',
    )
  if (parts === 1 || parts === 2)
    throw refused(
      'It is an opaque token, which only the provider can read: ask for an access token for your API, or send the ID token.',
    )
  throw refused(`It is not a JSON Web Token of at most ${mostCharacters} characters.`)
}

/** For an error of `jose`. The signature is checked first, so only tokens of the issuer get errors about claims. */
export function refusalOf(error: unknown, token: string, keys: KeySetting): Problem {
  if (error instanceof Problem) return error
  if (error instanceof errors.JWTExpired) return refused(`It has expired. If it is new, ${clocks}`)
  if (isOfShortKey(error)) return refused(`The key of ${keys} for it has fewer than 2048 bits: sign with a longer key.`)
  if (error instanceof MaybeNewKey) {
    const { retryAfterSeconds } = error
    return new Problem('invalid-token', { detail: unsigned(token, keys), retryAfterSeconds })
  }
  if (!(error instanceof errors.JWTClaimValidationFailed)) return refused(unsigned(token, keys))
  if (error.claim === 'nbf' && error.reason === 'check_failed') return refused(`It is not valid yet: ${clocks}`)
  return claimRefusal(error.claim, settingOfClaim[error.claim], token)
}

/** The library checks the length of an RSA key before the signature. */
const isOfShortKey = (error: unknown) => error instanceof TypeError && error.message.includes('modulusLength')

/** For a token with a valid signature. */
export function claimRefusal(claim: string, setting: string | undefined, token: string): Problem {
  const sentence = `Its claim ${claim} is missing or wrong${setting === undefined ? '' : `: see ${setting}`}.`
  const isOfApp = claimsOfApp.includes(claim)
  if (!isOfApp && !claimsOfKind.includes(claim)) return refused(sentence)
  const claims: Claims = decodeJwt(token)
  const kind = kindOf(claims, token)
  const isMissing = (claims[claim] ?? undefined) === undefined
  if (isMissing && claim === 'aud' && (kind === 'access' || kind === 'other'))
    return refused(`${sentence} It has none: PAGE_TOKEN_CLAIMS can name another claim, such as client_id.`)
  const isOfOtherApp = isOfApp && !isMissing
  if (kind === 'other' && !isOfOtherApp) return refused(sentence)
  const { noun, instead } = kinds[kind]
  return refused(`${sentence} It is ${noun}${isOfOtherApp ? ' for another app or API' : ''}${instead}.`)
}

const kinds = {
  id: { noun: 'an ID token', instead: ': send an access token for your API, if the provider issues them' },
  access: { noun: 'an access token', instead: '' },
  refresh: { noun: 'a refresh token', instead: ': send an access token' },
  other: { noun: 'a token', instead: '' },
}

type TokenKind = keyof typeof kinds

const kindsByName: ReadonlyMap<unknown, TokenKind> = new Map([
  ['id', 'id'],
  ['access', 'access'],
  ['bearer', 'access'],
  ['refresh', 'refresh'],
])

/** By the claims of Cognito, simplejwt and Keycloak, and those of RFC 9068 and of OpenID Connect Core §2. */
function kindOf(claims: Claims, token: string): TokenKind {
  const names = [claims['token_use'], claims['token_type'], claims['typ']]
  const known = names.map(name => kindsByName.get(textOf(name).toLowerCase())).find(kind => kind !== undefined)
  if (known !== undefined) return known
  if (/^(?:application\/)?at\+jwt$/i.test(textOf(decodeProtectedHeader(token).typ))) return 'access'
  if (['nonce', 'at_hash', 'c_hash'].some(name => Object.hasOwn(claims, name))) return 'id'
  return Object.hasOwn(claims, 'scope') || Object.hasOwn(claims, 'scp') ? 'access' : 'other'
}

/** A token can have any JSON in place of a text, also an object that no text can be made of. */
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')

function unsigned(token: string, keys: KeySetting): string {
  const header = attempt(() => decodeProtectedHeader(token))
  const alg = textOf(header?.alg)
  const nonce = header?.nonce
  const isSymmetric = /^HS\d/.test(alg)
  if (nonce !== undefined && keys !== 'PAGE_TOKEN_SECRET_FILE')
    return 'Its header has a nonce, as tokens for Microsoft Graph have: only Graph can check them. Ask for an access token for your API.'
  if (keys !== 'PAGE_TOKEN_SECRET_FILE')
    return isSymmetric
      ? `Its algorithm is for secrets (HS256), and ${keys} names public keys: use a signing key at the provider, or PAGE_TOKEN_SECRET_FILE.`
      : `No key of ${keys}, with an algorithm that is allowed, signed it.`
  return isSymmetric || alg === '' || /^none$/i.test(alg)
    ? 'HS256 with a secret of PAGE_TOKEN_SECRET_FILE did not sign it. A secret is the text of its line, not decoded.'
    : 'Its algorithm is for public keys: set PAGE_TOKEN_ISSUER or PAGE_TOKEN_JWKS in place of PAGE_TOKEN_SECRET_FILE.'
}
