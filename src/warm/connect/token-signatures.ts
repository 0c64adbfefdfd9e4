import type { KeyObject } from 'node:crypto'
import {
  type CryptoKey,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import type { Config } from '../../config/config.js'
import type { KeysFile, SecretsFile } from '../../config/kinds/page-token-kinds.js'
import { type FetchedKeys, keysInSet } from './page-keys.js'

export const leewaySeconds = 30

const publicAlgorithms = ['RS', 'PS', 'ES'].flatMap(name => [256, 384, 512].map(bits => name + bits))
publicAlgorithms.push('EdDSA', 'Ed25519')

/** Keys that are tried for a token without `kid`. Files have at most 10 secrets. */
const mostTried = 16

/** Runs `attempt`, which tries several keys, or throws a `Problem`. */
export type TrySeveral = (attempt: () => Promise<JWTPayload>) => Promise<JWTPayload>

export type Verify = (token: string, trySeveral: TrySeveral) => Promise<JWTPayload>

type Keyring = readonly KeyObject[] | AsyncIterable<CryptoKey>

/** Verifies signatures, and the registered claims. */
export class TokenSignatures {
  readonly #usual: JWTVerifyOptions
  readonly #now: () => number

  /** `now` is in milliseconds since 1970. */
  constructor({ audiences, issuers }: Pick<Config['pages'], 'audiences' | 'issuers'>, now: () => number) {
    this.#usual = {
      ...(audiences !== undefined && { audience: [...audiences] }),
      ...(issuers !== undefined && { issuer: [...issuers] }),
      clockTolerance: leewaySeconds,
      requiredClaims: ['exp'],
    }
    this.#now = now
  }

  byFile(file: SecretsFile | KeysFile): Verify {
    if ('secrets' in file) return token => this.#byOneOf(file.secrets, token, ['HS256'])
    const keyOf = keysInSet(file)
    return (token, trySeveral) => this.#byPublicKey(token, keyOf, trySeveral)
  }

  /** A provider may also replace a key without a new `kid`. */
  byFetched({ keyOf, areReplaced, now }: FetchedKeys): Verify {
    return async (token, trySeveral) => {
      const askedAt = now()
      try {
        return await this.#byPublicKey(token, keyOf, trySeveral)
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed) || !(await areReplaced(askedAt))) throw error
        return this.#byPublicKey(token, keyOf, trySeveral)
      }
    }
  }

  /** Each issuer signs with keys of its own only. */
  byIssuer(fetched: ReadonlyMap<string, FetchedKeys>): Verify {
    const verifies = new Map([...fetched].map(([issuer, keys]) => [issuer, this.byFetched(keys)] as const))
    return async (token, trySeveral) => {
      const claims = decodeJwt(token)
      const verify = verifies.get(claims.iss ?? '')
      if (verify === undefined)
        throw new errors.JWTClaimValidationFailed('another issuer', claims, 'iss', 'check_failed')
      return verify(token, trySeveral)
    }
  }

  async #byPublicKey(token: string, keyOf: JWTVerifyGetKey, trySeveral: TrySeveral): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, keyOf, this.#options(publicAlgorithms))).payload
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      return trySeveral(() => this.#byOneOf(error, token, publicAlgorithms))
    }
  }

  async #byOneOf(keys: Keyring, token: string, algorithms: string[]): Promise<JWTPayload> {
    let tried = 0
    for await (const key of keys) {
      if (++tried > mostTried) break
      try {
        return (await jwtVerify(token, key, this.#options(algorithms))).payload
      } catch (error) {
        // Other errors than those of tokens are about the key, which may be too short.
        const isOfToken = error instanceof errors.JOSEError
        if (isOfToken && !(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }

  #options(algorithms: string[]): JWTVerifyOptions {
    return { ...this.#usual, algorithms, currentDate: new Date(this.#now()) }
  }
}
