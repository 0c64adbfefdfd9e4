// Browsers send an admin's Basic credentials even with forms of other sites.
import type { IncomingMessage } from 'node:http'
import { Problem } from '../../lib/errors.js'
import { bodyFormat } from '../bodies/read-body.js'
import type { FormTokens } from './form-tokens.js'
import { senderOf } from './sender.js'

export type FormGuard = ReturnType<typeof createFormGuard>

export function createFormGuard(externalUrl: string | undefined, tokens: FormTokens) {
  return {
    token: tokens.token,
    /**
     * Returns false for JSON and for programs. Throws `cross-site-request` for forms of other sites, and for wrong or
     * old tokens.
     */
    checkForm({ headers }: IncomingMessage, admin: string, token: unknown): boolean {
      // Other sites cannot send JSON, because their preflights get no CORS headers.
      if (bodyFormat(headers['content-type']) === 'json') return false
      const sender = senderOf(headers, externalUrl)
      if (sender === 'program') return false
      if (sender === 'elsewhere') throw refused('Behind a proxy that changes the Host header, set EXTERNAL_URL.')
      if (!tokens.accepts(admin, token)) throw refused('Reload the form and send it again.')
      return true
    },
  }
}

const refused = (detail: string) => new Problem('cross-site-request', { detail })
