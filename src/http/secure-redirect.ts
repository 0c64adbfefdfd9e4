import type { Request, RequestHandler } from 'express'
import type { Config } from '../config/config.js'
import { redirectBase } from './addresses.js'
import { cameSecurely, takesPasswords } from './client.js'

/** Sends people to the page at `path` over TLS who come over none, where that matters and its address is known. */
export function redirectToTls(config: Config, path: string): RequestHandler {
  const { requireSecure } = config.bosh
  const isFine = requireSecure ? (request: Request) => cameSecurely(request, config) : takesPasswords(config)
  return (request, response, next) => {
    const base = isFine(request) ? undefined : redirectBase(config, request)
    if (base === undefined) return next()
    // Who may come how is up to the settings, and those may change.
    response.set('Cache-Control', 'no-store').redirect(308, base + path)
  }
}
