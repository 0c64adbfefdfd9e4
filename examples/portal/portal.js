import { randomBytes } from 'node:crypto'
import express from 'express'
import { allowing, createApp, ownPagesOnly } from './app.js'
import { createChats } from './chats.js'

/** The portal as an Express app. `service` warms sessions; `publicUrl` is where browsers find the service. */
export function createPortal({ service, publicUrl, users }) {
  /** The signed-in users' visits, by cookie. */
  const visits = new Map()
  const cookieOf = ({ headers }) => /(?:^|; )visit=([\da-f]{64})/.exec(headers.cookie)?.[1]

  const showPage = (request, response) => {
    const user = visits.get(cookieOf(request))?.user
    if (user === undefined) response.render('sign-in')
    else response.render('portal', { name: user.name, jid: user.chat.jid, service: publicUrl })
  }

  const signIn = (request, response) => {
    const user = users.get(request.body?.name)
    if (user === undefined || user.password !== request.body.password) {
      return response.status(403).render('sign-in', { problem: 'This name and this password do not match.' })
    }
    // Ends the earlier visit in this browser.
    leave(cookieOf(request))
    const cookie = randomBytes(32).toString('hex')
    visits.set(cookie, { user, chats: createChats(service, user.chat) })
    setTimeout(() => leave(cookie), 12 * 3600_000).unref()
    const options = { httpOnly: true, sameSite: 'lax', secure: request.secure }
    response.cookie('visit', cookie, options).redirect(303, '/')
  }

  const leave = async cookie => {
    const visit = visits.get(cookie)
    visits.delete(cookie)
    await visit?.chats.end()
  }

  const signOut = async (request, response) => {
    await leave(cookieOf(request))
    response.clearCookie('visit').redirect(303, '/')
  }

  /** Answers the page when it is loaded, and whenever it needs its session once more. */
  const bind = async (request, response) => {
    const visit = visits.get(cookieOf(request))
    if (visit === undefined) return response.sendStatus(401)
    try {
      response.json(await visit.chats.bind(String(request.query.tab).slice(0, 36)))
    } catch (error) {
      console.error(`no chat for ${visit.user.chat.jid}: ${error.message}`)
      response.sendStatus(503)
    }
  }

  const policy = `default-src 'self'; ${allowing(publicUrl)}; form-action 'self'; frame-ancestors 'none'`
  const app = createApp(import.meta.url, policy)
  app.get('/', showPage)
  app.post('/sign-in', ownPagesOnly, express.urlencoded({ extended: false }), signIn)
  app.post('/sign-out', ownPagesOnly, signOut)
  return app.get('/chat/binding', ownPagesOnly, bind)
}
