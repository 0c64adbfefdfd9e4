import { hash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express from 'express'
import { SignJWT } from 'jose'
import { allowing, createApp, endChats, ownPagesOnly } from './app.js'

/** The files of Converse, which your portal would copy. */
const converse = dirname(createRequire(import.meta.url).resolve('converse.js/dist/converse.min.js'))

/**
 * The portal as an Express app. `chat` is the URL of the service for browsers, `secret` signs its tokens. `hint` is
 * shown below the form.
 */
export function createPortal({ chat, secret, users, hint }) {
  const key = new TextEncoder().encode(secret)
  /** The names of signed-in users, by cookie. */
  const visits = new Map()
  const cookieOf = ({ headers }) => /(?:^|; )visit=([\da-f]{64})/.exec(headers.cookie)?.[1]

  /** The page's token for the chat. `visit` may appear in logs, so it is a hash of the cookie. */
  const tokenFor = cookie =>
    new SignJWT({ sub: visits.get(cookie), aud: 'chat', visit: hash('sha256', cookie) })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('5 minutes')
      .sign(key)

  const show = view => (request, response) => {
    const name = visits.get(cookieOf(request))
    if (name === undefined) response.render('sign-in', { hint })
    else response.render(view, { name, title: users.get(name).title, service: chat })
  }

  const signIn = async (request, response) => {
    const { name, password } = request.body ?? {}
    if (password === undefined || users.get(name)?.password !== password) {
      return response.status(403).render('sign-in', { hint, problem: 'This name and this password do not match.' })
    }
    // Ends the earlier visit in this browser.
    await leave(cookieOf(request))
    const cookie = randomBytes(32).toString('hex')
    visits.set(cookie, name)
    setTimeout(leave, 12 * 3600_000, cookie).unref()
    const options = { httpOnly: true, sameSite: 'lax', secure: request.secure }
    response.cookie('visit', cookie, options).redirect(303, '/')
  }

  /** Ends the chats of a visit. If the call fails, chats end soon after their pages are closed. */
  const leave = async cookie => {
    if (!visits.has(cookie)) return
    const token = await tokenFor(cookie)
    visits.delete(cookie)
    await endChats(chat, token)
  }

  const signOut = async (request, response) => {
    await leave(cookieOf(request))
    response.clearCookie('visit').redirect(303, '/')
  }

  const sendToken = async (request, response) => {
    const cookie = cookieOf(request)
    if (visits.has(cookie)) response.json({ token: await tokenFor(cookie) })
    else response.sendStatus(401)
  }

  /** Converse has styles in its elements, and images in its styles. */
  const forConverse = (_request, response, next) => {
    response.set('Content-Security-Policy', `${policy}; style-src 'self' 'unsafe-inline'; img-src 'self' data:`)
    next()
  }

  const policy = `default-src 'self'; ${allowing(chat)}; form-action 'self'; frame-ancestors 'none'`
  const app = createApp(import.meta.url, policy)
  app.get('/', show('portal'))
  app.get('/converse', forConverse, show('converse')).use('/converse', express.static(converse))
  app.post('/sign-in', ownPagesOnly, express.urlencoded({ extended: false }), signIn)
  app.post('/sign-out', ownPagesOnly, signOut)
  return app.get('/chat/token', ownPagesOnly, sendToken)
}
