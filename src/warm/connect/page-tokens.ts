import type { JWTPayload } from 'jose'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { exposureOf } from '../../config/exposed-secrets.js'
import { type JidTemplate, pageKeysFile, pageSecretsFile } from '../../config/kinds/page-token-kinds.js'
import type { Clock } from '../../lib/clock.js'
import type { Card } from '../../servers/login/created-accounts.js'
import { longestPassword } from '../parameters.js'
import { cardIn, credentialIn, demandVerified, jidIn, missingClaim, refused, visitIn } from './page-claims.js'
import { type FetchedKeys, type FetchKeys, fetchedKeys, keysOfIssuer } from './page-keys.js'
import { claimRefusal, demandJwt, type KeySetting, refusalOf } from './token-refusals.js'
import { leewaySeconds, TokenSignatures, type TrySeveral, type Verify } from './token-signatures.js'

/** A larger `exp` is a time in milliseconds: in seconds, it is after the year 5000. */
const leastMilliseconds = 1e11

const reloaded = 'keys for page tokens reloaded'

export interface PageUser {
  /** A bare JID. */
  readonly jid: string
  readonly visit: string | undefined
  /** For a new account. */
  readonly card?: Card | undefined
  readonly token?: string | undefined
  /** The token of the page, if it is sent as a password (ejabberd). */
  readonly password?: string | undefined
  readonly credential?: string | undefined
}

interface PageTokenParts {
  readonly pages: Config['pages']
  readonly fetchKeys: (url: string) => FetchKeys
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** In milliseconds since 1970. */
  readonly now: () => number
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly onFetchFailed: (error: unknown, setting: KeySetting) => void
}

type Pages = Config['pages']

type Keys = NonNullable<Pages['secrets'] | Pages['keys']> | { readonly issuers: readonly string[] }

export class PageTokens {
  readonly #parts: PageTokenParts
  readonly #signatures: TokenSignatures
  readonly #template: JidTemplate
  #pages: Pages
  /** By URL or issuer. */
  #fetched: ReadonlyMap<string, FetchedKeys> = new Map()
  #verify!: Verify

  constructor(parts: PageTokenParts) {
    const { pages, now } = parts
    const { audiences, claims, jid } = pages
    const keys = keysIn(pages)
    if ((audiences === undefined && claims.size === 0) || jid === undefined || keys === undefined)
      throw new Error('the settings of tokens are incomplete')
    this.#parts = parts
    this.#pages = pages
    this.#template = jid
    this.#signatures = new TokenSignatures(pages, now)
    this.#use(keys)
  }

  /** Throws `invalid-token`, `keys-unavailable` or what `trySeveral` throws, which is for a token without `kid`. */
  async userOf(token: string, trySeveral: TrySeveral = attempt => attempt()): Promise<PageUser> {
    const { login, ignoreCase, visit, name } = this.#parts.pages
    const claims = await this.#claimsOf(token, trySeveral)
    return {
      jid: jidIn(claims, this.#template, ignoreCase),
      visit: visitIn(claims, visit),
      card: cardIn(claims, name),
      token: login === 'token' ? token : undefined,
      password: login === 'password' ? asPassword(token) : undefined,
      credential: login === 'credential' ? credentialIn(claims) : undefined,
    }
  }

  /** Reads the keys again. A failure is logged, and the previous keys stay, unless the keys have a new URL. */
  async reload(next?: Pages): Promise<void> {
    const pages = next ?? this.#pages
    const keys = keysIn(pages)!
    const isSameSetting = keySetting(pages) === keySetting(this.#pages)
    this.#pages = pages
    if ('file' in keys) return this.#reloadFile(keys.file, next === undefined)
    const sources = 'url' in keys ? [keys.url] : keys.issuers
    if (!isSameSetting || sources.some(source => !this.#fetched.has(source))) this.#use(keys)
    if (await this.renew()) this.#parts.log.info(reloaded)
  }

  /** Resolves with false after a failure. Called early, so that faults are logged before the first call. */
  async renew(): Promise<boolean> {
    const renewed = await Promise.all([...this.#fetched.values()].map(keys => keys.renew()))
    return !renewed.includes(false)
  }

  async #claimsOf(token: string, trySeveral: TrySeveral): Promise<JWTPayload> {
    const { now, pages } = this.#parts
    demandJwt(token)
    const claims = await this.#verify(token, trySeveral).catch(error => {
      throw refusalOf(error, token, keySetting(this.#pages))
    })
    const missing = missingClaim(claims, pages.claims)
    if (missing !== undefined) throw claimRefusal(missing, 'PAGE_TOKEN_CLAIMS', token)
    if (claims.exp! > leastMilliseconds) throw refused('Its exp is too large: it is in seconds, not milliseconds.')
    if (!(claims.exp! <= now() / 1000 + pages.maxAge + leewaySeconds))
      throw refused(`Its exp is more than ${pages.maxAge} seconds away: see PAGE_TOKEN_MAX_AGE.`)
    if (this.#pages.secrets === undefined) demandVerified(claims, this.#template)
    return claims
  }

  #use(keys: Keys): void {
    const { fetchKeys, clock, onFetchFailed } = this.#parts
    const fetchedBy = (fetch: FetchKeys, setting: KeySetting) =>
      fetchedKeys(fetch, clock, error => onFetchFailed(error, setting))
    if ('url' in keys) {
      const fetched = fetchedBy(fetchKeys(keys.url), 'PAGE_TOKEN_JWKS')
      this.#fetched = new Map([[keys.url, fetched]])
      this.#verify = this.#signatures.byFetched(fetched)
    } else if ('issuers' in keys) {
      const keysOf = (issuer: string) => fetchedBy(keysOfIssuer(issuer, fetchKeys), 'PAGE_TOKEN_ISSUER')
      this.#fetched = new Map(keys.issuers.map(issuer => [issuer, keysOf(issuer)]))
      this.#verify = this.#signatures.byIssuer(this.#fetched)
    } else {
      this.#fetched = new Map()
      this.#verify = this.#signatures.byFile(keys)
    }
  }

  /** `isAlone`: no settings are read with it, which would warn about the file too. */
  #reloadFile(file: string, isAlone: boolean): void {
    const { log } = this.#parts
    const setting = keySetting(this.#pages)
    const kind = setting === 'PAGE_TOKEN_SECRET_FILE' ? pageSecretsFile : pageKeysFile
    const problems: string[] = []
    const read = kind(file, problem => void problems.push(`${setting} ${problem}`))
    if (read === undefined) {
      log.error({ problems }, 'the keys for page tokens are not usable: the previous keys stay')
      return
    }
    this.#use(read)
    log.info({ file }, reloaded)
    if (isAlone && 'secrets' in read)
      for (const sentence of exposureOf(file, `${setting} names ${file}`)) log.warn(sentence)
  }
}

/** `token` is ASCII. */
function asPassword(token: string): string {
  if (token.length <= longestPassword) return token
  throw refused(
    `It has more than ${longestPassword} bytes, and PAGE_TOKEN_LOGIN=password sends it as a password: leave out claims.`,
  )
}

/** Without other keys, the issuers are asked for theirs. */
const keysIn = ({ secrets, keys, issuers }: Pages): Keys | undefined => secrets ?? keys ?? (issuers && { issuers })

function keySetting({ secrets, keys }: Pages): KeySetting {
  if (secrets !== undefined) return 'PAGE_TOKEN_SECRET_FILE'
  return keys === undefined ? 'PAGE_TOKEN_ISSUER' : 'PAGE_TOKEN_JWKS'
}
