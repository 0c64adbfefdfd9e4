import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Request, RequestHandler } from 'express'
import basicAuth from 'express-basic-auth'
import type { Admin } from '../config/config.js'

// express-basic-auth writes `realm="<this>"`: the quotes inside close the realm and open the charset (RFC 7617 §2.1).
const realmAndCharset = 'HTTP Binding Warm", charset="UTF-8'

/** The accounts that may call the warm API. */
export interface Admins {
  /** Lets requests of an admin pass and refuses others with 401 before their body is read. */
  readonly authenticate: RequestHandler
  /** The admin whose request has passed `authenticate`. */
  of(request: Request): Admin
}

/**
 * Guards routes with the admins' names and secrets. `refuse` gives the 401's body and may set headers on
 * `request.res`; the challenge is set already.
 */
export function createAdmins(admins: readonly Admin[], refuse: (request: Request) => string): Admins {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
  const accounts = admins.map(admin => ({ admin, name: digest(admin.name), secret: digest(admin.secret) }))

  /** Takes the same time for a wrong name and a wrong secret: all accounts are looked at, whatever was found before. */
  const find = (givenName: string, givenSecret: string): Admin | undefined => {
    const name = digest(givenName)
    const secret = digest(givenSecret)
    let found: Admin | undefined
    for (const account of accounts) {
      const sameName = timingSafeEqual(account.name, name)
      const sameSecret = timingSafeEqual(account.secret, secret)
      if (sameName && sameSecret) found = account.admin
    }
    return found
  }

  const passed = new WeakMap<Request, Admin>()
  /** Set by the authorizer, which the library calls before it goes on, in the same turn. */
  let found: Admin | undefined
  const checkHeader = basicAuth({
    authorizer: (name: string, secret: string) => {
      found = find(name, secret)
      return found !== undefined
    },
    challenge: true,
    realm: realmAndCharset,
    unauthorizedResponse: refuse,
  })
  return {
    authenticate: (request, response, next) =>
      checkHeader(request, response, error => {
        if (error !== undefined) return next(error)
        passed.set(request, found!)
        // Nothing behind this point needs the secret.
        Reflect.deleteProperty(request, 'auth')
        next()
      }),
    of: request => passed.get(request)!,
  }
}
