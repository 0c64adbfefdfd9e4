import { randomBytes } from 'node:crypto'
import { allowing, createApp, ownPagesOnly } from '../portal/app.js'
import { createChats } from '../portal/chats.js'
import { jidOf } from '../portal/jids.js'
import { withToken } from './with-token.js'

/** The portal as an Express app. `signIn` connects to the provider, `service` warms sessions, `publicUrl` is the service's URL for browsers. */
export function createPortal({ signIn, service, domain, tokenParameter, publicUrl }) {
  /** The signed-in users' visits, by cookie. */
  const visits = new Map()
  const cookieOf = ({ headers }, name) => new RegExp(`(?:^|; )${name}=([\\w.-]+)`).exec(headers.cookie ?? '')?.[1]
  const cookieOptions = ({ secure }) => ({ httpOnly: true, sameSite: 'lax', secure })

  const showPage = (request, response) => {
    const visit = visits.get(cookieOf(request, 'visit'))
    response.render('portal', visit && { name: visit.name, jid: visit.jid, service: publicUrl })
  }

  const beginSignIn = async (request, response) => {
    const { url, cookie } = await signIn.begin()
    const options = { ...cookieOptions(request), path: '/signed-in', maxAge: 600_000 }
    response.cookie('sign-in', cookie, options).redirect(303, url)
  }

  const completeSignIn = async (request, response) => {
    response.clearCookie('sign-in', { path: '/signed-in' })
    try {
      const { name, tokens } = await signIn.complete(request.originalUrl, cookieOf(request, 'sign-in'))
      const jid = jidOf(name, domain)
      const chats = createChats(withToken(service, tokens, tokenParameter), { jid })
      // Ends the earlier visit in this browser.
      leave(cookieOf(request, 'visit'))
      const cookie = randomBytes(32).toString('hex')
      visits.set(cookie, { name, jid, chats, tokens })
      setTimeout(() => leave(cookie), 12 * 3600_000).unref()
      response.cookie('visit', cookie, cookieOptions(request)).redirect(303, '/')
    } catch (error) {
      console.error(`no sign-in: ${error.message}`)
      response.status(400).render('portal', { problem: 'You could not be signed in. Please try again.' })
    }
  }

  const leave = async cookie => {
    const visit = visits.get(cookie)
    visits.delete(cookie)
    // If a call fails, the session and the tokens expire later.
    await Promise.allSettled([visit?.chats.end(), visit?.tokens.revoke()])
  }

  const signOut = async (request, response) => {
    await leave(cookieOf(request, 'visit'))
    response.clearCookie('visit').redirect(303, signIn.signOutUrl())
  }

  /** What the page attaches with, when it is loaded and when its session has ended. */
  const bind = async (request, response) => {
    const cookie = cookieOf(request, 'visit')
    const visit = visits.get(cookie)
    if (visit === undefined) return response.sendStatus(401)
    try {
      response.json(await visit.chats.bind(String(request.query.tab).slice(0, 36)))
    } catch (error) {
      console.error(`no chat for ${visit.jid}: ${error.message}`)
      if (error.error !== 'invalid_grant') return response.sendStatus(503)
      // The provider issues no more tokens: the user has signed out there, or was away for long.
      await leave(cookie)
      response.sendStatus(401)
    }
  }

  const policy =
    `default-src 'self'; ${allowing(publicUrl)}; form-action 'self' ${signIn.origin}; ` +
    "img-src data:; frame-ancestors 'none'"
  const app = createApp(import.meta.url, policy)
  app.get('/', showPage)
  app.get('/sign-in', beginSignIn)
  app.get('/signed-in', completeSignIn)
  app.post('/sign-out', ownPagesOnly, signOut)
  return app.get('/chat/binding', ownPagesOnly, bind)
}
