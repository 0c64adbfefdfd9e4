import type { Request, RequestHandler } from 'express'
import basicAuth from 'express-basic-auth'
import type { Admin } from '../config/config.js'
import { Problem } from '../errors.js'
import { clientOf } from '../lib/client-network.js'
import type { Clock } from '../lib/clock.js'
import type { HashQueue } from '../lib/hash-queue.js'
import type { MemoryKey } from '../lib/short-memory.js'
import { AdminAccounts, type Shown } from './admin-accounts.js'
import type { Claim, FailedLogins } from './failed-logins.js'

// express-basic-auth writes `realm="<this>"`: the quotes inside close the realm and open the charset (RFC 7617 §2.1).
const realmAndCharset = 'HTTP Binding Warm", charset="UTF-8'

/** The accounts that may call the warm API. */
export interface Admins {
  /**
   * Lets requests of an admin pass and refuses others with 401 before their body is read, or with 429 unseen where too
   * many were wrong.
   */
  readonly authenticate: RequestHandler
  /** The admin whose request has passed `authenticate`. */
  of(request: Request): Admin
}

export interface AdminsParts {
  readonly admins: readonly Admin[]
  readonly clock: Pick<Clock, 'now'>
  /** Where secrets that are kept as hashes are hashed. */
  readonly hashes: HashQueue
  readonly failures: FailedLogins
  /** The address that a request comes from. */
  readonly addressOf: (request: Request) => string
  /**
   * Gives the 401's body and may set headers on `request.res`; the challenge is set already. `attempt` is undefined where
   * no credentials came.
   */
  readonly refuse: (request: Request, attempt: Attempt | undefined) => string
}

/** Credentials that were wrong. */
export interface Attempt {
  /** The name in them, if it is an admin's: whatever else stands there may be a secret that went into the wrong field. */
  readonly admin: string | undefined
}

/** A request as express-basic-auth leaves it. */
type CheckedRequest = Request & { auth?: { readonly user: string } | undefined }

/** Guards routes with the admins' names and secrets. */
export function createAdmins({ admins, clock, hashes, failures, addressOf, refuse }: AdminsParts): Admins {
  const accounts = new AdminAccounts(admins, clock, hashes)
  /** What is being looked at, by who has shown what. */
  const attempts = new Map<MemoryKey, Promise<Admin | undefined>>()

  /** Throws a `Problem` where too many were wrong before. */
  const find = async (request: Request, name: string, secret: string): Promise<Admin | undefined> => {
    const claim = { client: clientOf(addressOf(request)), name }
    const shown = accounts.shown(name, secret, claim.client)
    const known = accounts.known(shown)
    if (known !== undefined) {
      admitAfter(await failures.waitOfKnown(claim))
      return known
    }
    // A backend that starts calls many times at once, and what it shows is right or wrong once for all of them.
    let attempt = attempts.get(shown.key)
    if (attempt === undefined) {
      attempt = attemptWith(claim, shown).finally(() => attempts.delete(shown.key))
      attempts.set(shown.key, attempt)
    }
    return attempt
  }

  const attemptWith = async (claim: Claim, shown: Shown): Promise<Admin | undefined> => {
    admitAfter(await failures.begin(claim))
    let isWrong = false
    try {
      const found = await accounts.find(shown)
      isWrong = found === undefined
      return found
    } finally {
      if (isWrong) await failures.failed(claim)
      else await failures.succeeded(claim)
    }
  }

  const attemptOf = (request: CheckedRequest): Attempt | undefined => {
    if (request.headers.authorization === undefined) return undefined
    return { admin: admins.find(({ name }) => name === request.auth?.user)?.name }
  }

  const passed = new WeakMap<Request, Admin>()
  return {
    authenticate(request: CheckedRequest, response, next) {
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
    of: request => passed.get(request)!,
  }
}

function admitAfter(retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined) throw new Problem('too-many-requests', { retryAfterSeconds })
}
