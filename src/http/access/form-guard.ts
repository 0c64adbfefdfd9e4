// Browsers send an admin's Basic credentials with each form, from any site.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Problem } from '../../lib/errors.js'
import { bodyFormat } from '../bodies/read-body.js'
import type { FormTokens } from './form-tokens.js'

export type FormGuard = ReturnType<typeof createFormGuard>

export function createFormGuard(externalUrl: string | undefined, tokens: FormTokens) {
  return {
    token: tokens.token,
    /** Returns false for programs. Throws `cross-site-request` for forms of other sites. */
    isOurForm({ headers }: IncomingMessage, admin: string, token: unknown): boolean {
      // For JSON, other sites need a preflight, which gets no CORS headers.
      if (bodyFormat(headers['content-type']) === 'json') return false
      const sender = senderOf(headers, externalUrl)
      if (sender === 'program') return false
      if (sender === 'elsewhere') {
        throw new Problem('cross-site-request', {
          detail: 'Behind a proxy that changes the Host header, set EXTERNAL_URL.',
        })
      }
      if (!tokens.accepts(admin, token))
        throw new Problem('cross-site-request', { detail: 'Reload the form and send it again.' })
      return true
    },
  }
}

/** A `program` sends no Origin and no Sec-Fetch-Site. */
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
  // Behind a TLS proxy, the service does not know its own scheme.
  return host !== undefined && sent.host === parse(`${sent.protocol}//${host}`)?.host
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
