import type { KeyObject } from 'node:crypto'
import { type CryptoKey, errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { exposureOf } from '../../config/exposed-secrets.js'
import { type KeysFile, pageKeysFile, pageSecretsFile, type SecretsFile } from '../../config/kinds/page-token-kinds.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import { credentialIn, demandVerified, jidIn, refused, visitIn } from './page-claims.js'
import { type FetchKeys, fetchedKeys, keysInFile } from './page-keys.js'

const mostCharacters = 8192
const compact = /^[\w-]+\.[\w-]+\.[\w-]+$/

const leewaySeconds = 30
/** A larger `exp` is a time in milliseconds: in seconds, it is after the year 5000. */
const leastMilliseconds = 1e11
const publicAlgorithms = ['RS', 'PS', 'ES'].flatMap(name => [256, 384, 512].map(bits => name + bits))
publicAlgorithms.push('EdDSA', 'Ed25519')

/** Keys that are tried for a token without `kid`. Files have at most 10 secrets. */
const mostTried = 16

const unsigned = {
  secret:
    'HS256 with a secret of PAGE_TOKEN_SECRET_FILE did not sign it. A secret is the text of its line, not decoded.',
  keys: 'No key of PAGE_TOKEN_JWKS, with an algorithm that is allowed, signed it.',
}

const reloaded = 'keys for page tokens reloaded'

export interface PageUser {
  /** A bare JID. */
  readonly jid: string
  readonly visit: string | undefined
  readonly token: string | undefined
  /** The token of the page, if it is sent as a password (ejabberd). */
  readonly password: string | undefined
  readonly credential: string | undefined
}

interface PageTokenParts {
  readonly pages: Config['pages']
  readonly fetchKeys: (url: string) => FetchKeys
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** In milliseconds since 1970. */
  readonly now: () => number
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly onFetchFailed: (error: unknown) => void
}

export type PageTokens = ReturnType<typeof createPageTokens>

type Keys = PageTokenParts['pages']['secrets'] | PageTokenParts['pages']['keys']

/** Runs `attempt`, which tries several keys, or throws a `Problem`. */
export type TrySeveral = (attempt: () => Promise<JWTPayload>) => Promise<JWTPayload>

type Keyring = readonly KeyObject[] | AsyncIterable<CryptoKey>

type Verify = (token: string, trySeveral: TrySeveral) => Promise<JWTPayload>

export function createPageTokens({ pages: first, fetchKeys, clock, now, log, onFetchFailed }: PageTokenParts) {
  let pages = first
  const { audience, issuer, jid: template, login, ignoreCase, maxAge } = first
  const keys = first.secrets ?? first.keys
  if (audience === undefined || template === undefined || keys === undefined)
    throw new Error('the settings of tokens are incomplete')
  const usual: JWTVerifyOptions = {
    audience,
    ...(issuer !== undefined && { issuer }),
    clockTolerance: leewaySeconds,
    requiredClaims: ['exp'],
  }
  const options = (algorithms: string[]) => ({ ...usual, algorithms, currentDate: new Date(now()) })

  const bySecret =
    ({ secrets }: SecretsFile): Verify =>
    token =>
      byOneOf(secrets, token, ['HS256'])
  const byOneOf = async (keys: Keyring, token: string, algorithms: string[]): Promise<JWTPayload> => {
    let tried = 0
    for await (const key of keys) {
      if (++tried > mostTried) break
      try {
        return (await jwtVerify(token, key, options(algorithms))).payload
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
  const byAnyKey = async (token: string, keyOf: JWTVerifyGetKey, trySeveral: TrySeveral): Promise<JWTPayload> => {
    try {
      return (await jwtVerify(token, keyOf, options(publicAlgorithms))).payload
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      return trySeveral(() => byOneOf(error, token, publicAlgorithms))
    }
  }
  /** A provider may also replace a key without a new `kid`. */
  const byPublicKey =
    (keyOf: JWTVerifyGetKey, areReplaced = async () => false): Verify =>
    async (token, trySeveral) => {
      try {
        return await byAnyKey(token, keyOf, trySeveral)
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed) || !(await areReplaced())) throw error
        return byAnyKey(token, keyOf, trySeveral)
      }
    }
  const byFile = (keys: SecretsFile | KeysFile) => ('secrets' in keys ? bySecret(keys) : byPublicKey(keysInFile(keys)))

  let fetched: ReturnType<typeof fetchedKeys> | undefined
  let verify: Verify
  const use = (keys: NonNullable<Keys>) => {
    fetched = 'url' in keys ? fetchedKeys(fetchKeys(keys.url), clock, onFetchFailed) : undefined
    verify = 'url' in keys ? byPublicKey(fetched!.keyOf, fetched!.areReplaced) : byFile(keys)
  }
  use(keys)

  const urlOf = (keys: Keys) => (keys !== undefined && 'url' in keys ? keys.url : undefined)

  const reloadFile = (file: string) => {
    const [setting, kind] =
      pages.secrets === undefined ? ['PAGE_TOKEN_JWKS', pageKeysFile] : ['PAGE_TOKEN_SECRET_FILE', pageSecretsFile]
    const problems: string[] = []
    const read = kind(file, problem => void problems.push(`${setting} ${problem}`))
    if (read === undefined) {
      log.error({ problems }, 'the keys for page tokens are not usable: the previous keys stay')
      return
    }
    verify = byFile(read)
    log.info({ file }, reloaded)
    if ('secrets' in read) for (const sentence of exposureOf(file, `${setting} names ${file}`)) log.warn(sentence)
  }

  return {
    /** Throws `invalid-token`, `keys-unavailable` or what `trySeveral` throws, which is for a token without `kid`. */
    async userOf(token: string, trySeveral: TrySeveral = attempt => attempt()): Promise<PageUser> {
      if (token.length > mostCharacters || !compact.test(token))
        throw refused(`It is not a JSON Web Token of at most ${mostCharacters} characters.`)
      const claims = await verify(token, trySeveral).catch(error => {
        throw problemOf(error, pages.secrets === undefined ? unsigned.keys : unsigned.secret)
      })
      if (claims.exp! > leastMilliseconds) throw refused('Its exp is too large: it is in seconds, not milliseconds.')
      if (!(claims.exp! <= now() / 1000 + maxAge + leewaySeconds))
        throw refused(`Its exp is more than ${maxAge} seconds away: see PAGE_TOKEN_MAX_AGE.`)
      if (pages.secrets === undefined) demandVerified(claims, template)
      return {
        jid: jidIn(claims, template, ignoreCase),
        visit: visitIn(claims),
        token: login === 'token' ? token : undefined,
        password: login === 'password' ? token : undefined,
        credential: login === 'credential' ? credentialIn(claims) : undefined,
      }
    },
    /** Fetches keys early, so that faults are logged before the first call. */
    async prepare(): Promise<void> {
      await fetched?.renew()
    },
    /** Reads the keys again. A failure is logged, and the previous keys stay, unless the keys have a new URL. */
    async reload(next: PageTokenParts['pages'] = pages): Promise<void> {
      const keys = next.secrets ?? next.keys!
      if ('url' in keys && keys.url !== urlOf(pages.secrets ?? pages.keys)) use(keys)
      pages = next
      if ('file' in keys) reloadFile(keys.file)
      else if (await fetched!.renew()) log.info(reloaded)
    },
  }
}

const settingOfClaim: Readonly<Record<string, string>> = { aud: 'PAGE_TOKEN_AUDIENCE', iss: 'PAGE_TOKEN_ISSUER' }

/** The signature was checked first, so only tokens of the issuer get errors about claims. */
function problemOf(error: unknown, otherwise: string): Problem {
  if (error instanceof Problem) return error
  if (error instanceof errors.JWTExpired) return refused('It has expired.')
  if (!(error instanceof errors.JWTClaimValidationFailed)) return refused(otherwise)
  if (error.claim === 'nbf' && error.reason === 'check_failed') return refused('It is not valid yet.')
  const setting = settingOfClaim[error.claim]
  return refused(`Its claim ${error.claim} is missing or wrong${setting ? `: see ${setting}` : ''}.`)
}
