// Functions for portals with any kind of sign-in.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import express from 'express'
import Handlebars from 'handlebars'

/**
 * An Express app with the folders `views` and `public` beside the module `here`, and the Content-Security-Policy
 * `policy`.
 */
export function createApp(here, policy) {
  const folder = name => fileURLToPath(new URL(name, here))
  const app = express().disable('x-powered-by').set('trust proxy', 'loopback').set('env', 'production')
  app.engine('hbs', (file, values, done) => done(null, Handlebars.compile(readFileSync(file, 'utf8'))(values)))
  app.set('view engine', 'hbs').set('views', folder('views'))
  return app.use(express.static(folder('public')), (_request, response, next) => {
    response.set('Content-Security-Policy', policy).set('Referrer-Policy', 'same-origin')
    response.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
    next()
  })
}

export const stylesheet = fileURLToPath(new URL('public/portal.css', import.meta.url))

/** The part of the policy that allows the service at this URL: its module and endpoints. */
export const allowing = url => `script-src 'self' ${url}; connect-src 'self' ${url} ${url.replace('http', 'ws')}`

/** Ends the chats of the token's visit. A failure is only logged: chats end soon after their pages are closed. */
export async function endChats(chat, token) {
  const headers = { Authorization: `Bearer ${token}` }
  for (const seconds of [1, 2, 0]) {
    const call = fetch(`${chat}/connect`, { method: 'DELETE', headers, signal: AbortSignal.timeout(10_000) })
    const answer = await call.catch(error => error)
    if (answer.ok) return
    const { status, message = `HTTP ${status}` } = answer
    if (!seconds || (status && ![429, 502, 503, 504].includes(status)))
      return console.error(`The chats of a visit did not end: ${message}`)
    const wanted = answer.headers?.get('Retry-After')
    await pause(1000 * (/^\d+$/.test(wanted) ? Math.min(wanted, 10) : seconds))
  }
}

/** Refuses requests from pages of other sites. Browsers send the site of the page. */
export function ownPagesOnly({ headers }, response, next) {
  const { host, origin = `http://${host}`, 'sec-fetch-site': site = 'same-origin' } = headers
  if ([`http://${host}`, `https://${host}`].includes(origin) && site === 'same-origin') next()
  else response.sendStatus(403)
}
