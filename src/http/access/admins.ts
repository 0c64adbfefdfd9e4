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

/** How long credentials that were right are known again without hashing, after they were shown last, in seconds. */
const memorySeconds = 300
/** How many are known at a time: far more than there are admins, and old secrets of theirs. */
const mostRemembered = 1_000

export interface AdminsParts {
  readonly config: ClientRules & { readonly admins: readonly Admin[] }
  readonly clock: Pick<Clock, 'now'>
  /** Where secrets that are kept as hashes are hashed. */
  readonly hashes: HashQueue
  readonly failures: FailedLogins
  /**
   * Gives the 401's body and may set headers on `request.res`. `attempt` is undefined without credentials, and has the
   * name in them if it is an admin's: another may be a secret in the wrong field.
   */
  readonly refuse: (request: Request, attempt: { admin: string | undefined } | undefined) => string
}

/** A request as express-basic-auth leaves it. */
type CheckedRequest = Request & { auth?: { readonly user: string } | undefined }

/** The credentials of a request. */
interface Shown extends Claim {
  readonly secret: string
  /** Stands for all of them; fit to be kept for a while. */
  readonly key: MemoryKey
}

/** Guards routes with the admins' names and secrets. */
export function createAdmins({ config, clock, hashes, failures, refuse }: AdminsParts) {
  const { admins } = config
  /** By what was shown and where, the secret never in the clear; what was not shown for longest is forgotten first. */
  const remembered = createShortMemory<Admin>(clock, memorySeconds, mostRemembered)
  const look = createAccounts(admins, hashes)
  const prove = createProofs(admins, hashes)
  /** What is being looked at, by who has shown what. */
  const attempts = new Map<MemoryKey, Promise<Admin | undefined>>()

  /** Throws a `Problem` where too many were wrong before. */
  const find = async (request: Request, name: string, secret: string): Promise<Admin | undefined> => {
    const client = clientOf(clientAddress(request, config))
    // What is right in one place is not known yet in another.
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
    // A backend that starts calls many times at once, and what it shows is right or wrong once for all of them.
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
      // Guesses from the same address do not block a backend in a process that has not seen its secret yet.
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
    /** The name in a request's credentials if it is an admin's. Any other may be a secret in the wrong field. */
    claimed: (request: CheckedRequest) => attemptOf(request)?.admin,
    /** Lets admins pass; refuses others with 401 before their body is read, or with 429 unseen after too many. */
    authenticate(request: CheckedRequest, response: Response, next: NextFunction): void {
      let admin: Admin | undefined
      const checkHeader = basicAuth({
        authorizeAsync: true,
        authorizer: (name: string, secret: string, decide: (error: unknown, isRight: boolean) => void) => {
          find(request, name, secret).then(found => {
            admin = found
            decide(undefined, found !== undefined)
            // The library would throw an error that is told to it where nothing catches it.
          }, next)
        },
        challenge: true,
        realm: realmAndCharset,
        unauthorizedResponse: (refused: Request) => refuse(refused, attemptOf(refused)),
      })
      checkHeader(request, response, error => {
        if (error !== undefined) return next(error)
        passed.set(request, admin!)
        // Nothing behind this point needs the secret. To delete the property would make all others slow.
        request.auth = undefined
        next()
      })
    },
    /** The admin whose request has passed `authenticate`. */
    of: (request: Request) => passed.get(request)!,
  }
}

/**
 * Looks for the admin whose name and secret are shown; secrets are plain text or scrypt hashes in the settings. Takes the
 * same time for a wrong name and a wrong secret: all accounts are looked at, whatever was found before.
 */
function createAccounts(admins: readonly Admin[], hashes: HashQueue) {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
  const accounts = admins.map(admin => ({
    admin,
    name: digest(admin.name),
    secret: digest(admin.secret),
    hash: parseSecretHash(admin.secret),
  }))
  // Stands in for accounts that have none, so that a name that exists answers no later than one that does not.
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

/**
 * Creates proofs that tell the processes of a service that a secret was right. Each is a MAC under a key derived from the
 * account's secret in the settings. A reader of the proof must compute one scrypt for each guess at the secret.
 */
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
