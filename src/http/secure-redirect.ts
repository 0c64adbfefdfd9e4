import type { RequestHandler } from 'express'
import type { Config } from '../config/config.js'
import { redirectBase } from './addresses.js'
import { cameSecurely, takesPasswords } from './client.js'

/** Sends people to the page at `path` over TLS who come over none, where that matters and its address is known. */
export function redirectToTls(config: Config, path: string): RequestHandler {
  return (request, response, next) => {
    const isFine = config.bosh.requireSecure ? cameSecurely : takesPasswords
    const base = isFine(request, config) ? undefined : redirectBase(config, request)
    if (base === undefined) return next()
    // Who may come how is up to the settings, and those may change.
    response.set('Cache-Control', 'no-store').redirect(308, base + path)
  }
}
