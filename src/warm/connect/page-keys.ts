import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { secureUrl } from '../../config/kinds/kinds.js'
import { type KeySet, readKeySet } from '../../config/kinds/page-token-kinds.js'
import { attempt } from '../../lib/attempt.js'
import { type Clock, pause } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import { foreignText } from '../../lib/text/foreign-text.js'

const refetchMilliseconds = 600_000
const expiryMilliseconds = 3_600_000
/**
 * Milliseconds between two fetches. Anybody can cause a fetch, by a token with an unknown key. Backends repeat a sign-out
 * for 20 s.
 */
const cooldown = 20_000
const cooldownWithoutKeys = 5_000
/** Milliseconds to wait for newer keys if the old keys are usable. For an unknown key, a call waits for the fetch. */
const patience = 2_000

/** The issuer may have a key that is newer than the last fetch, and there was no fetch for this token. */
export class MaybeNewKey extends errors.JWKSNoMatchingKey {
  constructor(readonly retryAfterSeconds: number) {
    super()
  }
}

export type FetchKeys = () => Promise<string>

export type FetchedKeys = ReturnType<typeof fetchedKeys>

/** Keys without `kid`, such as those of a PEM file, fit tokens with any `kid`. */
export function keysInSet({ keys }: KeySet): JWTVerifyGetKey {
  const keyOf = createLocalJWKSet({ keys: [...keys] })
  const hasIds = keys.some(({ kid }) => kid !== undefined)
  return hasIds ? keyOf : ({ alg }) => keyOf({ alg })
}

const discoveryFault = (code: string) => Object.assign(new Error(code), { code })

/** Asks the issuer where its keys are (OpenID Connect Discovery 1.0 §4). */
export function keysOfIssuer(issuer: string, fetchKeys: (url: string) => FetchKeys): FetchKeys {
  const fetchDocument = fetchKeys(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  return async () => {
    const text = await fetchDocument()
    const document = attempt(
      () => Object(JSON.parse(text)) as { readonly issuer?: unknown; readonly jwks_uri?: unknown },
    )
    if (document?.issuer !== issuer) {
      const name = typeof document?.issuer === 'string' ? `: ${foreignText(document.issuer)}` : ''
      throw discoveryFault(`the document of the issuer names another issuer${name}`)
    }
    const url = secureUrl(String(document.jwks_uri), () => undefined)
    if (url === undefined || (/^https:/i.test(issuer) && !url.startsWith('https:')))
      throw discoveryFault('the document of the issuer has no https jwks_uri')
    return fetchKeys(url)()
  }
}

export function fetchedKeys(fetch: FetchKeys, clock: Pick<Clock, 'now' | 'after'>, onFailed: (error: unknown) => void) {
  let known: { readonly keyOf: JWTVerifyGetKey; readonly at: number } | undefined
  let triedAt = Number.NEGATIVE_INFINITY
  let fetching: Promise<boolean> | undefined

  const learn = async () => {
    try {
      const set = readKeySet(await fetch())
      if (set === undefined) throw new errors.JWKSInvalid('no set of public keys')
      known = { keyOf: keysInSet(set), at: clock.now() }
      return true
    } catch (error) {
      onFailed(error)
      return false
    } finally {
      fetching = undefined
    }
  }
  const renew = () => {
    if (fetching !== undefined) return fetching
    triedAt = clock.now()
    fetching = learn()
    return fetching
  }
  const isUsable = () => known !== undefined && clock.now() - known.at <= expiryMilliseconds
  const nextAt = () => triedAt + (isUsable() ? cooldown : cooldownWithoutKeys)
  const refresh = () => (fetching === undefined && clock.now() < nextAt() ? undefined : renew())
  const refreshSoon = async () => {
    const refreshing = refresh()
    if (refreshing === undefined || !isUsable()) return refreshing
    return Promise.race([refreshing, pause(clock, patience)])
  }
  const secondsToNext = () => Math.max(1, Math.ceil((nextAt() - clock.now()) / 1000))
  const demandKeys = () => {
    if (!isUsable()) throw new Problem('keys-unavailable', { retryAfterSeconds: secondsToNext() })
    return known!.keyOf
  }

  /** For a token that no key has signed, since `askedAt`. Throws if the issuer may have replaced a key meanwhile. */
  const areReplaced = async (askedAt: number, before = known): Promise<boolean> => {
    await refresh()
    demandKeys()
    if (known !== before) return true
    if (known!.at < askedAt) throw new MaybeNewKey(secondsToNext())
    return false
  }

  const keyOf: JWTVerifyGetKey = async (...about) => {
    const askedAt = clock.now()
    if (known === undefined || clock.now() - known.at > refetchMilliseconds) await refreshSoon()
    const before = known
    try {
      return await demandKeys()(...about)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await areReplaced(askedAt, before))) throw error
      return demandKeys()(...about)
    }
  }
  return {
    keyOf,
    areReplaced,
    now: () => clock.now(),
    /** Never rejects. Resolves with false after a failure. */
    renew,
  }
}
