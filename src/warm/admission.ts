import type { Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import type { Admin, Config } from '../config/config.js'
import type { Counts } from '../counts.js'
import { Problem } from '../errors.js'
import { homePath } from '../http/addresses.js'
import { createAdmins } from '../http/admins.js'
import { problemAnswer } from '../http/answer.js'
import { accessBy, clientAddress, takesPasswords } from '../http/client.js'
import type { FailedLogins } from '../http/failed-logins.js'
import type { Clock } from '../lib/clock.js'
import type { HashQueue } from '../lib/hash-queue.js'
import { represent } from './binding-answer.js'

export interface AdmissionParts {
  readonly config: Config
  readonly log: Logger
  readonly clock: Pick<Clock, 'now'>
  /** Hashes admins' secrets, in turn with all other hashes of this process. */
  readonly hashes: HashQueue
  readonly failures: FailedLogins
  readonly counts: Counts
}

/** Decides which calls are answered. One for all paths, so that an admin is known to all of them. */
export interface Admission {
  /**
   * Lets calls with these methods pass that come from admins, from allowed addresses, over encrypted channels. Answers
   * OPTIONS, and throws a `Problem` for all other calls.
   */
  admit(methods: readonly string[]): RequestHandler
  /** The admin whose request has passed. */
  adminOf(request: Request): Admin
}

export function createAdmission({ config, log, clock, hashes, failures, counts }: AdmissionParts): Admission {
  const home = homePath(config.externalUrl)
  const mayCall = accessBy(config.access.warm)
  const isSafe = takesPasswords(config)
  const admins = createAdmins({
    admins: config.admins,
    clock,
    hashes,
    failures,
    addressOf: request => clientAddress(request, config),
    refuse: (request, attempt) => {
      const response = request.res!
      const requestId = response.get('X-Request-Id')
      const line = { requestId, code: 'unauthorized', address: clientAddress(request, config) }
      if (attempt === undefined) log.info(line, 'warm')
      else {
        counts.failedAdminLogins += 1
        log.info({ audit: true, ...line, admin: attempt.admin }, 'admin login')
      }
      const representation = represent(request, config.warmPath)
      const answer = problemAnswer(new Problem('unauthorized'), representation, { requestId, home })
      response.set(answer.headers)
      return answer.body
    },
  })

  return {
    adminOf: request => admins.of(request),
    // One handler for all checks: each further one costs Express as much as a check itself.
    admit(methods) {
      const allowed = [...methods, 'OPTIONS'].join(', ')
      return (request, response, next) => {
        setHeaders(response)
        if (mayCall?.(clientAddress(request, config)) === false) throw new Problem('address-forbidden')
        if (!methods.includes(request.method)) {
          response.set('Allow', allowed)
          if (request.method !== 'OPTIONS') throw new Problem('method-not-allowed')
          response.status(204).end()
          return
        }
        // Before the 401: a browser that is challenged here would send the secret unencrypted.
        if (!isSafe(request)) {
          throw new Problem('insecure-channel', {
            detail:
              'Call over TLS, listen on a loopback address, or set ASSUME_SECURE behind a proxy that ends TLS.',
          })
        }
        admins.authenticate(request, response, next)
      }
    },
  }
}

/** Replies carry a session's secret: no cache, browser or page on the way may keep, reinterpret or pass on any of it. */
function setHeaders(response: Response): void {
  response.vary('Accept').set({
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  })
}
