import type { KeyObject } from 'node:crypto'
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { Config } from '../../config/config.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import { credentialIn, jidIn, refused, visitIn } from './page-claims.js'
import { type FetchKeys, fetchedKeys, keysInFile } from './page-keys.js'

/** In characters. */
const longestToken = 8192
const compact = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** In seconds. */
const leeway = 30
const longestLife = 3600

const publicAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA']

/** One sentence for all tokens that the right key has not signed. It contains no secret. */
const unsigned = 'Its form, algorithm, key or signature is not accepted.'

export interface PageUser {
  /** A bare JID. */
  readonly jid: string
  readonly visit: string | undefined
  readonly token: string | undefined
  readonly credential: string | undefined
}

export interface PageTokenParts {
  readonly pages: Pick<Config['pages'], 'secrets' | 'keys' | 'audience' | 'issuer' | 'jid' | 'login'>
  readonly fetchKeys: (url: string) => FetchKeys
  readonly clock: Pick<Clock, 'now'>
  /** Milliseconds of Unix time. */
  readonly now: () => number
  readonly onFetchFailed: (error: unknown) => void
}

export type PageTokens = ReturnType<typeof createPageTokens>

/** The settings are complete (`page-settings.ts`). */
export function createPageTokens({ pages, fetchKeys, clock, now, onFetchFailed }: PageTokenParts) {
  const { secrets, keys, audience, issuer, jid: template, login } = pages
  if (audience === undefined || template === undefined) throw new Error('the settings of tokens are incomplete')
  const usual: JWTVerifyOptions = {
    audience,
    ...(issuer !== undefined && { issuer }),
    clockTolerance: leeway,
    requiredClaims: ['exp'],
  }
  const options = (algorithms: string[]) => ({ ...usual, algorithms, currentDate: new Date(now()) })

  const bySecret = (secrets: readonly KeyObject[]) => async (token: string) => {
    let failure: unknown
    for (const secret of secrets) {
      try {
        return (await jwtVerify(token, secret, options(['HS256']))).payload
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
        failure = error
      }
    }
    throw failure
  }
  const byPublicKey = (): ((token: string) => Promise<JWTPayload>) => {
    if (keys === undefined) throw new Error('the keys of tokens are missing')
    const keyOf = 'url' in keys ? fetchedKeys(fetchKeys(keys.url), clock, onFetchFailed) : keysInFile(keys)
    return async token => (await jwtVerify(token, keyOf, options(publicAlgorithms))).payload
  }
  const verify = secrets === undefined ? byPublicKey() : bySecret(secrets)

  /** Throws `invalid-token` or `keys-unavailable`. */
  return async (token: string): Promise<PageUser> => {
    if (token.length > longestToken || !compact.test(token)) throw refused(unsigned)
    const claims = await verify(token).catch(error => {
      throw problemOf(error)
    })
    if (!(claims.exp! <= now() / 1000 + longestLife + leeway)) throw refused('Its exp is more than an hour away.')
    return {
      jid: jidIn(claims, template),
      visit: visitIn(claims),
      token: login === 'token' ? token : undefined,
      credential: login === 'credential' ? credentialIn(claims) : undefined,
    }
  }
}

/** The claims of a token are checked after its signature, so that only its issuer learns about them. */
function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof errors.JWTExpired) return refused('It has expired.')
  if (!(error instanceof errors.JWTClaimValidationFailed)) return refused(unsigned)
  if (error.claim === 'nbf' && error.reason === 'check_failed') return refused('It is not valid yet.')
  return refused(`Its claim ${error.claim} is missing or wrong.`)
}
