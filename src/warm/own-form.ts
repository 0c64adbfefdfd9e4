import type { Request } from 'express'
import { Problem } from '../errors.js'
import { bodyFormat } from '../http/body.js'
import { createFormTokens, placeSender } from '../http/csrf.js'
import type { Parameters } from './parameters.js'

/** Tells what our own form sends from what another site's page has a browser send. */
export interface OwnForm {
  /** What the form of this admin carries; good for an hour. */
  token(admin: string): string
  /**
   * Whether our own form has sent this, for this admin; a program needs none. Throws `cross-site-request` for any other
   * form that a browser sent.
   */
  demand(request: Request, admin: string, parameters: Parameters): boolean
}

/** `now` is in milliseconds; `externalUrl` is the service's public URL, where the operator has set one. */
export function createOwnForm(externalUrl: string | undefined, now: () => number): OwnForm {
  const tokens = createFormTokens(now)
  return {
    token: admin => tokens.issue(admin),
    demand({ headers }, admin, parameters) {
      const { origin, host, 'sec-fetch-site': fetchSite, 'content-type': contentType } = headers
      // Another site's page cannot send JSON without asking first, and nobody answers that question here. Any other
      // type it can, with a body or without.
      if (bodyFormat(contentType) === 'json') return false
      const sender = placeSender({ origin, fetchSite: fetchSite?.toString(), host, externalUrl })
      if (sender === 'program') return false
      if (sender === 'elsewhere') {
        throw new Problem('cross-site-request', {
          detail: 'Behind a proxy that changes the Host header, set EXTERNAL_URL.',
        })
      }
      if (!tokens.accepts(admin, parameters.get('csrf_token'))) {
        throw new Problem('cross-site-request', { detail: 'Reload the form and send it again.' })
      }
      return true
    },
  }
}
