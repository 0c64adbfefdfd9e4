import { hash, timingSafeEqual } from 'node:crypto'
import { SignJWT } from 'jose'
import { allowing, createApp, ownPagesOnly } from '../portal/app.js'

/**
 * A shop as an Express app. `chat` is the URL of the service for browsers, `secret` signs tokens of agents. All agents
 * share the XMPP account `agent`: each sees all guests, and the answers of the others.
 */
export function createShop({ chat, secret, agent, password }) {
  const key = new TextEncoder().encode(secret)
  const expected = hash('sha256', `Basic ${Buffer.from(`agent:${password}`).toString('base64')}`, 'buffer')

  /** Your agents would sign in to your portal. */
  const agentsOnly = ({ headers }, response, next) => {
    const isAgent = timingSafeEqual(hash('sha256', headers.authorization ?? '', 'buffer'), expected)
    if (isAgent) next()
    else response.set('WWW-Authenticate', 'Basic realm="Support desk", charset="UTF-8"').sendStatus(401)
  }

  const sendToken = async (_request, response) => {
    const token = new SignJWT({ sub: agent.split('@')[0], aud: 'chat', visit: 'desk' })
    response.json({
      token: await token.setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5 minutes').sign(key),
    })
  }

  const show = view => (_request, response) => response.render(view, { service: chat, agent })

  const policy = `default-src 'self'; ${allowing(chat)}; form-action 'self'; frame-ancestors 'none'`
  const app = createApp(import.meta.url, policy)
  app.get('/', show('shop'))
  app.get('/desk', agentsOnly, show('desk'))
  return app.get('/desk/token', ownPagesOnly, agentsOnly, sendToken)
}
