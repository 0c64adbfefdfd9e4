import { randomBytes } from 'node:crypto'
import { allowing, createApp, endChats, ownPagesOnly, stylesheet } from '../portal/app.js'

/** The portal as an Express app. `signIn` connects to the provider, `chat` is the URL of the service for browsers. */
export function createPortal({ signIn, chat }) {
  /** The signed-in users' visits, by cookie. */
  const visits = new Map()
  const cookieOf = ({ headers }, name) => new RegExp(`(?:^|; )${name}=([\\w.-]+)`).exec(headers.cookie ?? '')?.[1]
  const cookieOptions = ({ secure }) => ({ httpOnly: true, sameSite: 'lax', secure })

  const showPage = (request, response) => {
    const visit = visits.get(cookieOf(request, 'visit'))
    response.render('portal', visit && { name: visit.name, service: chat })
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
      // Ends the earlier visit in this browser.
      await leave(cookieOf(request, 'visit'))
      const cookie = randomBytes(32).toString('hex')
      visits.set(cookie, { name, tokens })
      setTimeout(leave, 12 * 3600_000, cookie).unref()
      response.cookie('visit', cookie, cookieOptions(request)).redirect(303, '/')
    } catch (error) {
      console.error(`no sign-in: ${error.message}`)
      response.status(400).render('portal', { problem: 'You could not be signed in. Please try again.' })
    }
  }

  const leave = async cookie => {
    const tokens = visits.get(cookie)?.tokens
    visits.delete(cookie)
    // If a call fails, the chats and the tokens expire later.
    if (tokens === undefined) return
    const results = await Promise.allSettled([endChatsOf(tokens), tokens.revoke()])
    for (const { reason } of results) if (reason) console.error(`a sign-out is incomplete: ${reason.message}`)
  }

  /** Ends the chats of the visit in the token's claim `sid`. */
  const endChatsOf = async tokens => endChats(chat, await tokens.current())

  const signOut = async (request, response) => {
    await leave(cookieOf(request, 'visit'))
    response.clearCookie('visit').redirect(303, signIn.signOutUrl())
  }

  /** Sends the access token to the page, which logs in to the chat with it. */
  const sendToken = async (request, response) => {
    const cookie = cookieOf(request, 'visit')
    const visit = visits.get(cookie)
    if (visit === undefined) return response.sendStatus(401)
    try {
      response.json({ token: await visit.tokens.current() })
    } catch (error) {
      console.error(`no token for ${visit.name}: ${error.message}`)
      if (error.error !== 'invalid_grant') return response.sendStatus(503)
      // The provider issues no more tokens: the user has signed out there, or was away for long.
      await leave(cookie)
      response.sendStatus(401)
    }
  }

  const policy =
    `default-src 'self'; ${allowing(chat)}; form-action 'self' ${signIn.origin}; ` +
    "img-src data:; frame-ancestors 'none'"
  const app = createApp(import.meta.url, policy)
  app.get('/portal.css', (_request, response) => response.sendFile(stylesheet))
  app.get('/', showPage)
  app.get('/sign-in', beginSignIn)
  app.get('/signed-in', completeSignIn)
  app.post('/sign-out', ownPagesOnly, signOut)
  return app.get('/chat/token', ownPagesOnly, sendToken)
}
