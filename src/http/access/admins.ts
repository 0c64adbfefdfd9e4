import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { NextFunction, Request, Response } from 'express'
import basicAuth from 'express-basic-auth'
import type { Admin } from '../../config/config.js'
import { hashLike, parseSecretHash } from '../../config/kinds/secret-hash.js'
import { clientOf } from '../../lib/client-network.js'
import type { Clock } from '../../lib/clock.js'
import { limitDetail } from '../../lib/counts.js'
import { Problem } from '../../lib/errors.js'
import { createShortMemory } from '../../lib/limits/short-memory.js'
import type { WorkQueue } from '../../lib/limits/work-queue.js'
import { hashOf, type SecretKeys } from '../../lib/secrets/secret-hashes.js'
import { type ClientRules, clientAddress } from './client-rules.js'
import type { Claim, WrongSecrets } from './wrong-secrets.js'

// express-basic-auth adds the first and the last quote (RFC 7617 §2.1).
export const realmAndCharset = 'HTTP Binding Warm", charset="UTF-8'

/** Right credentials are remembered for this time after each use. */
const memorySeconds = 300
const mostRemembered = 1_000

interface AdminsParts {
  readonly config: ClientRules & { readonly admins: readonly Admin[] }
  readonly clock: Pick<Clock, 'now'>
  readonly hashes: WorkQueue
  readonly keys: SecretKeys
  readonly failures: WrongSecrets
  readonly refuse: (request: Request, attempt: RefusedAttempt | undefined) => string
}

interface RefusedAttempt {
  /** Only an admin's name, because another name may be a misplaced secret. */
  readonly admin: string | undefined
  /** The request shared the check of a simultaneous request with the same secret. */
  readonly isRepeated: boolean
}

type CheckedRequest = Request & { auth?: { readonly user: string } | undefined }

interface Shown extends Claim {
  readonly secret: string
}

const passed = new WeakMap<Request, Admin>()

/** Undefined before the request has passed `authenticate`. */
export const adminOf = (request: Request): Admin | undefined => passed.get(request)

export class Admins {
  readonly #parts: AdminsParts
  readonly #remembered: ReturnType<typeof createShortMemory<Admin>>
  readonly #adminWith: ReturnType<typeof createAdminLookup>
  /** Running checks, by the hash of what was shown. */
  readonly #checks = new Map<string, Promise<Admin | undefined>>()
  readonly #repeated = new WeakSet<Request>()

  constructor(parts: AdminsParts) {
    this.#parts = parts
    this.#remembered = createShortMemory(parts.clock, memorySeconds, mostRemembered)
    this.#adminWith = createAdminLookup(parts.config.admins, parts.hashes)
  }

  claimed(request: CheckedRequest): string | undefined {
    return this.#attemptOf(request)?.admin
  }

  /** Rejects with 401, 429 or 503 before the body is read. */
  authenticate(request: CheckedRequest, response: Response, next: NextFunction): void {
    const { authorization } = request.headers
    const fail = (error: unknown) => {
      if (!request.socket.destroyed) next(error)
    }
    let admin: Admin | undefined
    const checkHeader = basicAuth({
      authorizeAsync: true,
      authorizer: (name: string, secret: string, decide: (error: unknown, isRight: boolean) => void) => {
        this.#find(request, name, secret).then(found => {
          admin = found
          decide(undefined, found !== undefined)
          // An error of `#find` goes to `fail`, because `decide` throws each error that it gets.
        }, fail)
      },
      challenge: true,
      realm: realmAndCharset,
      unauthorizedResponse: (refused: Request) => this.#parts.refuse(refused, this.#attemptOf(refused)),
    })
    const pass = (error?: unknown) => {
      if (error !== undefined) return next(error)
      passed.set(request, admin!)
      // `auth` contains the secret.
      request.auth = undefined
      next()
    }
    if (authorization === undefined || isReadable(authorization)) checkHeader(request, response, pass)
    // An unreadable header counts like a wrong secret.
    else this.#find(request, '', '').then(() => checkHeader(request, response, pass), fail)
  }

  async #find(request: Request, name: string, secret: string): Promise<Admin | undefined> {
    const { config, keys, failures } = this.#parts
    const client = clientOf(clientAddress(request, config))
    // The hash contains the client, because each client has its own limits.
    const shown = { client, name, secret, hash: hashOf(keys, ['admin', client, name, secret]) }
    const known = this.#remembered.recall(shown.hash)
    if (known !== undefined) {
      this.#remembered.remember(shown.hash, known)
      admitAfter(await failures.noteKnown(shown))
      return known
    }
    const running = this.#checks.get(shown.hash)
    if (running !== undefined) this.#repeated.add(request)
    const check = running ?? this.#check(shown).finally(() => this.#checks.delete(shown.hash))
    this.#checks.set(shown.hash, check)
    return check
  }

  async #check(shown: Shown): Promise<Admin | undefined> {
    const { failures } = this.#parts
    const wait = await failures.begin(shown)
    if (wait !== undefined) {
      // Attackers must not lock out a backend, so a secret that was right recently is checked even over the limit.
      if (!(await failures.wasRight(shown))) admitAfter(wait)
      admitAfter(await failures.noteKnown(shown))
      return this.#look(shown)
    }
    const found = await this.#look(shown).catch(async error => {
      await failures.unchecked(shown)
      throw error
    })
    await (found === undefined ? failures.failed(shown) : failures.succeeded(shown))
    return found
  }

  async #look(shown: Shown): Promise<Admin | undefined> {
    const found = await this.#adminWith(shown)
    if (found !== undefined) this.#remembered.remember(shown.hash, found)
    return found
  }

  #attemptOf(request: CheckedRequest): RefusedAttempt | undefined {
    if (request.headers.authorization === undefined) return undefined
    return {
      admin: this.#parts.config.admins.find(({ name }) => name === request.auth?.user)?.name,
      isRepeated: this.#repeated.has(request),
    }
  }
}

function isReadable(authorization: string): boolean {
  const [, encoded = ''] = /^ *basic +([\w.~+/-]+=*) *$/i.exec(authorization) ?? []
  return /^[^:]*:.*$/.test(Buffer.from(encoded, 'base64').toString())
}

function createAdminLookup(admins: readonly Admin[], hashes: WorkQueue) {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
  const accounts = admins.map(admin => ({
    admin,
    name: digest(admin.name),
    secret: digest(admin.secret),
    hash: parseSecretHash(admin.secret),
  }))
  // Known and unknown names cost the same number of hashes, so that the time reveals no names.
  const hashed = accounts.filter(({ hash }) => hash !== undefined)
  const anyHash = hashed[0]?.hash
  const isTwice = hashed.some((account, index) => hashed.slice(0, index).some(({ name }) => name.equals(account.name)))

  return async ({ name, secret }: Shown): Promise<Admin | undefined> => {
    const shown = { name: digest(name), secret: digest(secret) }
    const named: typeof accounts = []
    let found: Admin | undefined
    for (const account of accounts) {
      const sameName = timingSafeEqual(account.name, shown.name)
      const sameSecret = timingSafeEqual(account.secret, shown.secret)
      if (sameName && account.hash !== undefined) named.push(account)
      if (sameName && sameSecret && account.hash === undefined) found = account.admin
    }
    if (anyHash === undefined) return found
    for (const account of isTwice ? [named[0], named[1]] : [named[0]]) {
      const wanted = account?.hash ?? anyHash
      const hash = await hashes(() => hashLike(wanted, secret))
      if (timingSafeEqual(hash, wanted.hash) && account !== undefined) found = account.admin
    }
    return found
  }
}

function admitAfter(retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined)
    throw new Problem('too-many-requests', { retryAfterSeconds, detail: limitDetail('failed-logins') })
}
