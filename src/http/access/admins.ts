import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { NextFunction, Request, Response } from 'express'
import basicAuth from 'express-basic-auth'
import type { Admin } from '../../config/config.js'
import { hashLike, parseSecretHash } from '../../config/kinds/secret-hash.js'
import { clientOf } from '../../lib/client-network.js'
import type { Clock } from '../../lib/clock.js'
import { Problem } from '../../lib/errors.js'
import type { HashQueue } from '../../lib/limits/hash-queue.js'
import { createShortMemory, type MemoryKey } from '../../lib/limits/short-memory.js'
import { type ClientRules, clientAddress } from './client-rules.js'
import type { Claim, FailedLogins } from './failed-logins.js'

// express-basic-auth writes `realm="<this>"`: the quotes inside close the realm and open the charset (RFC 7617 §2.1).
const realmAndCharset = 'HTTP Binding Warm", charset="UTF-8'

const derive = promisify<string, string, number, Buffer>(scrypt)

/** In seconds, from the last use of the credentials. */
const memorySeconds = 300
const mostRemembered = 1_000

export interface AdminsParts {
  readonly config: ClientRules & { readonly admins: readonly Admin[] }
  readonly clock: Pick<Clock, 'now'>
  readonly hashes: HashQueue
  readonly failures: FailedLogins
  /** Returns the body of the 401. A name that is no admin's is omitted: it may be a secret in the wrong field. */
  readonly refuse: (request: Request, attempt: { admin: string | undefined } | undefined) => string
}

type CheckedRequest = Request & { auth?: { readonly user: string } | undefined }

interface Shown extends Claim {
  readonly secret: string
  readonly key: MemoryKey
}

export function createAdmins({ config, clock, hashes, failures, refuse }: AdminsParts) {
  const { admins } = config
  const remembered = createShortMemory<Admin>(clock, memorySeconds, mostRemembered)
  const look = createAccounts(admins, hashes)
  const prove = createProofs(admins, hashes)
  const attempts = new Map<MemoryKey, Promise<Admin | undefined>>()

  /** Throws `too-many-requests` after too many failures. */
  const find = async (request: Request, name: string, secret: string): Promise<Admin | undefined> => {
    const client = clientOf(clientAddress(request, config))
    // Proven credentials of one client do not help another client past the limits.
    const shown = {
      client,
      name,
      secret,
      key: remembered.keyOf([client, name, secret]),
      proof: () => prove(client, name, secret),
    }
    const known = remembered.recall(shown.key)
    if (known !== undefined) {
      remembered.remember(shown.key, known)
      admitAfter(await failures.waitOfKnown(shown))
      return known
    }
    // A backend may start many calls at once.
    let attempt = attempts.get(shown.key)
    if (attempt === undefined) {
      attempt = attemptWith(shown).finally(() => attempts.delete(shown.key))
      attempts.set(shown.key, attempt)
    }
    return attempt
  }

  const attemptWith = async (shown: Shown): Promise<Admin | undefined> => {
    const wait = await failures.begin(shown)
    if (wait !== undefined) {
      // Guesses from the same address do not block a backend that another process knows.
      if (!(await failures.wasRight(shown))) admitAfter(wait)
      admitAfter(await failures.waitOfKnown(shown))
      const found = await look(shown.name, shown.secret)
      if (found !== undefined) remembered.remember(shown.key, found)
      return found
    }
    let isWrong = false
    try {
      const found = await look(shown.name, shown.secret)
      isWrong = found === undefined
      if (found !== undefined) remembered.remember(shown.key, found)
      return found
    } finally {
      if (isWrong) await failures.failed(shown)
      else await failures.succeeded(shown)
    }
  }

  const attemptOf = ({ headers, auth }: CheckedRequest) =>
    headers.authorization === undefined
      ? undefined
      : { admin: admins.find(({ name }) => name === auth?.user)?.name }

  const passed = new WeakMap<Request, Admin>()
  return {
    claimed: (request: CheckedRequest) => attemptOf(request)?.admin,
    /** Rejects with 401 or 429 before the body is read. */
    authenticate(request: CheckedRequest, response: Response, next: NextFunction): void {
      let admin: Admin | undefined
      const checkHeader = basicAuth({
        authorizeAsync: true,
        authorizer: (name: string, secret: string, decide: (error: unknown, isRight: boolean) => void) => {
          find(request, name, secret).then(found => {
            admin = found
            decide(undefined, found !== undefined)
            // express-basic-auth rethrows an error of `decide`, and nothing catches it.
          }, next)
        },
        challenge: true,
        realm: realmAndCharset,
        unauthorizedResponse: (refused: Request) => refuse(refused, attemptOf(refused)),
      })
      checkHeader(request, response, error => {
        if (error !== undefined) return next(error)
        passed.set(request, admin!)
        // `delete` would make all other requests slow.
        request.auth = undefined
        next()
      })
    },
    /** Only for requests that passed `authenticate`. */
    of: (request: Request) => passed.get(request)!,
  }
}

/** Takes the same time for a wrong name and a wrong secret. */
function createAccounts(admins: readonly Admin[], hashes: HashQueue) {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
  const accounts = admins.map(admin => ({
    admin,
    name: digest(admin.name),
    secret: digest(admin.secret),
    hash: parseSecretHash(admin.secret),
  }))
  // Hashed for names without a hash, so that timing hides which names exist.
  const anyHash = accounts.find(({ hash }) => hash !== undefined)?.hash

  return async (name: string, secret: string): Promise<Admin | undefined> => {
    const shown = { name: digest(name), secret: digest(secret) }
    let named: (typeof accounts)[number] | undefined
    let found: Admin | undefined
    for (const account of accounts) {
      const sameName = timingSafeEqual(account.name, shown.name)
      const sameSecret = timingSafeEqual(account.secret, shown.secret)
      if (sameName) named = account
      if (sameName && sameSecret && account.hash === undefined) found = account.admin
    }
    if (anyHash !== undefined) {
      const wanted = named?.hash ?? anyHash
      const hash = await hashes(() => hashLike(wanted, secret))
      if (timingSafeEqual(hash, wanted.hash) && named?.hash !== undefined) found = named.admin
    }
    return found
  }
}

/** Proves to the other processes that a secret was right. A reader of the proof must compute one scrypt for each guess. */
function createProofs(admins: readonly Admin[], hashes: HashQueue) {
  const keys = new Map<Admin, Promise<Buffer>>()
  return async (client: string, name: string, secret: string): Promise<string | undefined> => {
    const admin = admins.find(each => each.name === name)
    if (admin === undefined) return undefined
    let key = keys.get(admin)
    if (key === undefined) {
      key = hashes(() => derive(admin.secret, `warm-bindings ${name}`, 32))
      keys.set(admin, key)
      key.catch(() => keys.delete(admin))
    }
    return createHmac('sha256', await key)
      .update(JSON.stringify([client, name, secret]))
      .digest('base64')
  }
}

function admitAfter(retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
}
