// A browser sends an admin's Basic credentials along with any form, from any site. Forms of this service are told apart
// from those of other sites by the browser's headers and by a token that only our form has.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Problem } from '../../lib/errors.js'
import { bodyFormat } from '../listening/read-body.js'
import type { FormTokens } from './form-tokens.js'

export type FormGuard = ReturnType<typeof createFormGuard>

/** Accepts forms from pages of this service, at `externalUrl` if that is known. */
export function createFormGuard(externalUrl: string | undefined, tokens: FormTokens) {
  return {
    /** A token for the form that this admin is shown; good for an hour. */
    token: (admin: string): string => tokens.token(admin),
    /** Whether our form, no program, sent it with a `token` for this admin. Rejects with `cross-site-request` for others. */
    async isOurForm({ headers }: IncomingMessage, admin: string, token: unknown): Promise<boolean> {
      // A page of another site cannot send JSON without a preflight, which is answered without CORS headers here. Other
      // types it can send, with a body or without.
      if (bodyFormat(headers['content-type']) === 'json') return false
      const sender = senderOf(headers, externalUrl)
      if (sender === 'program') return false
      if (sender === 'elsewhere') {
        throw new Problem('cross-site-request', {
          detail: 'Behind a proxy that changes the Host header, set EXTERNAL_URL.',
        })
      }
      if (!(await tokens.accepts(admin, token)))
        throw new Problem('cross-site-request', { detail: 'Reload the form and send it again.' })
      return true
    },
  }
}

/**
 * What sent a form: a `program` sends neither header and needs no token; a page from `here`, at `externalUrl` if that
 * is known, or a browser that hides the origin, needs one; any other page is refused whatever it sends.
 */
export function senderOf(
  { origin, host, 'sec-fetch-site': fetchSite }: IncomingHttpHeaders,
  externalUrl: string | undefined,
): 'program' | 'here' | 'elsewhere' {
  if (origin === undefined && fetchSite === undefined) return 'program'
  const siteFits = fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none'
  const originFits = origin === undefined || origin === 'null' || isOurs(origin, host, externalUrl)
  return siteFits && originFits ? 'here' : 'elsewhere'
}

function isOurs(origin: string, host: string | undefined, externalUrl: string | undefined): boolean {
  const sent = parse(origin)
  if (sent === undefined) return false
  if (externalUrl !== undefined && sent.origin === parse(externalUrl)?.origin) return true
  // The scheme is the origin's own: behind a proxy that ends TLS we cannot know it.
  return host !== undefined && sent.host === parse(`${sent.protocol}//${host}`)?.host
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
