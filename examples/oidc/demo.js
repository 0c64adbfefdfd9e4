// Runs the portal with a provider, a service and an XMPP server on this machine.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { startChat } from '../demo.js'

const port = await freePort(process.env.PORT ?? 3000)
const PORTAL_URL = `http://127.0.0.1:${port}`
const OIDC_CLIENT_SECRET = randomBytes(24).toString('hex')
Object.assign(process.env, { PORT: port, PORTAL_URL, OIDC_CLIENT_SECRET, PROVIDER_PORT: 0 })

const { issuer } = await import('./provider.js')
const CHAT_URL = await startChat({
  PAGE_ORIGINS: PORTAL_URL,
  PAGE_TOKEN_ISSUER: issuer,
  PAGE_TOKEN_AUDIENCE: 'xmpp:localhost',
  PAGE_TOKEN_JID: '{preferred_username}@localhost',
})
console.log('\n  Sign in as alice with the password rabbit, or as bob with hammer.')
Object.assign(process.env, { OIDC_ISSUER: issuer, CHAT_URL })
await import('./main.js')

async function freePort(wanted) {
  const server = createServer().listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await once(server.close(), 'close')
  return port
}
