import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import express from 'express'
import Handlebars from 'handlebars'
import { createChats } from './chats.js'

const folder = name => fileURLToPath(new URL(name, import.meta.url))

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

  const policy =
    `default-src 'self'; script-src 'self' ${publicUrl}; connect-src 'self' ${publicUrl} ${publicUrl.replace('http', 'ws')}; ` +
    "form-action 'self'; frame-ancestors 'none'"
  const app = express().disable('x-powered-by').set('trust proxy', 'loopback').set('env', 'production')
  app.engine('hbs', (file, values, done) =>
    done(null, Handlebars.compile(readFileSync(file, 'utf8'))(values)),
  )
  app.set('view engine', 'hbs').set('views', folder('views'))
  app.use(express.static(folder('public')), (_request, response, next) => {
    response.set('Content-Security-Policy', policy).set('Referrer-Policy', 'same-origin')
    response.set('Cache-Control', 'no-store')
    next()
  })
  app.get('/', showPage)
  app.post('/sign-in', ownPagesOnly, express.urlencoded({ extended: false }), signIn)
  app.post('/sign-out', ownPagesOnly, signOut)
  return app.get('/chat/binding', ownPagesOnly, bind)
}

/** Refuses requests that a page of another site made; browsers say which site a request comes from. */
export function ownPagesOnly({ headers }, response, next) {
  const { host, origin = `http://${host}`, 'sec-fetch-site': site = 'same-origin' } = headers
  if ([`http://${host}`, `https://${host}`].includes(origin) && site === 'same-origin') next()
  else response.sendStatus(403)
}
