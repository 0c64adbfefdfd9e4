import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Request, RequestHandler } from 'express'
import basicAuth from 'express-basic-auth'
import type { Clock } from '../clock.js'
import type { Admin } from '../config/config.js'
import { hashLike, parseSecretHash } from '../config/secret-hash.js'
import type { HashQueue } from '../hash-queue.js'

// express-basic-auth writes `realm="<this>"`: the quotes inside close the realm and open the charset (RFC 7617 §2.1).
const realmAndCharset = 'HTTP Binding Warm", charset="UTF-8'

/** How long credentials that were right are known again without hashing, in milliseconds. */
const memoryMilliseconds = 300_000
/** How many are known at a time: far more than there are admins, and old secrets of theirs. */
const mostRemembered = 1_000

/** The accounts that may call the warm API. */
export interface Admins {
  /** Lets requests of an admin pass and refuses others with 401 before their body is read. */
  readonly authenticate: RequestHandler
  /** The admin whose request has passed `authenticate`. */
  of(request: Request): Admin
}

export interface AdminsParts {
  readonly admins: readonly Admin[]
  readonly clock: Pick<Clock, 'now'>
  /** Where secrets that are kept as hashes are hashed. */
  readonly hashes: HashQueue
  /** Gives the 401's body and may set headers on `request.res`; the challenge is set already. */
  readonly refuse: (request: Request) => string
}

/** Guards routes with the admins' names and secrets, which are plain text or scrypt hashes in the settings. */
export function createAdmins({ admins, clock, hashes, refuse }: AdminsParts): Admins {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
  const accounts = admins.map(admin => ({
    admin,
    name: digest(admin.name),
    secret: digest(admin.secret),
    hash: parseSecretHash(admin.secret),
  }))
  /** Stands in for accounts that have none, so that a name that exists answers no later than one that does not. */
  const anyHash = accounts.find(({ hash }) => hash !== undefined)?.hash
  /** By name and secret under the key, never in the clear. */
  const remembered = new Map<string, { admin: Admin; until: number }>()

  /** Takes the same time for a wrong name and a wrong secret: all accounts are looked at, whatever was found before. */
  const find = async (givenName: string, givenSecret: string): Promise<Admin | undefined> => {
    const name = digest(givenName)
    const secret = digest(givenSecret)
    const place = Buffer.concat([name, secret]).toString('base64')
    const known = remembered.get(place)
    if (known !== undefined && known.until > clock.now()) return known.admin
    let named: (typeof accounts)[number] | undefined
    let found: Admin | undefined
    for (const account of accounts) {
      const sameName = timingSafeEqual(account.name, name)
      const sameSecret = timingSafeEqual(account.secret, secret)
      if (sameName) named = account
      if (sameName && sameSecret && account.hash === undefined) found = account.admin
    }
    if (anyHash === undefined) return found
    const wanted = named?.hash ?? anyHash
    const hash = await hashes.run(() => hashLike(wanted, givenSecret))
    if (timingSafeEqual(hash, wanted.hash) && named?.hash !== undefined) found = named.admin
    if (found !== undefined) remember(place, found)
    return found
  }

  const remember = (place: string, admin: Admin) => {
    const now = clock.now()
    remembered.delete(place)
    // Oldest first, since a Map keeps the order of insertion: what is over is at the front.
    for (const [old, { until }] of remembered) {
      if (until > now && remembered.size < mostRemembered) break
      remembered.delete(old)
    }
    remembered.set(place, { admin, until: now + memoryMilliseconds })
  }

  const passed = new WeakMap<Request, Admin>()
  return {
    authenticate(request, response, next) {
      let admin: Admin | undefined
      const checkHeader = basicAuth({
        authorizeAsync: true,
        authorizer: (name: string, secret: string, decide: (error: unknown, isRight: boolean) => void) => {
          find(name, secret).then(found => {
            admin = found
            decide(undefined, found !== undefined)
            // The library would throw an error that is told to it where nobody catches it.
          }, next)
        },
        challenge: true,
        realm: realmAndCharset,
        unauthorizedResponse: refuse,
      })
      checkHeader(request, response, error => {
        if (error !== undefined) return next(error)
        passed.set(request, admin!)
        // Nothing behind this point needs the secret.
        Reflect.deleteProperty(request, 'auth')
        next()
      })
    },
    of: request => passed.get(request)!,
  }
}
