// Runs the portal. Environment variables name the OpenID provider and the warm-bindings service.
import { createPortal } from './portal.js'
import { createSignIn } from './sign-in.js'

const {
  PORT = 3000,
  PORTAL_URL = `http://127.0.0.1:${PORT}`, // the address for browsers
  OIDC_ISSUER = 'http://127.0.0.1:3001',
  OIDC_CLIENT_ID = 'portal',
  OIDC_CLIENT_SECRET,
  CHAT_AUDIENCE = 'xmpp:localhost', // PAGE_TOKEN_AUDIENCE of the service
  CHAT_URL,
} = process.env
if (!CHAT_URL) throw new Error('Set CHAT_URL.')

const signIn = await createSignIn({
  issuer: OIDC_ISSUER,
  clientId: OIDC_CLIENT_ID,
  clientSecret: OIDC_CLIENT_SECRET,
  portalUrl: PORTAL_URL,
  audience: CHAT_AUDIENCE,
})
createPortal({ signIn, chat: CHAT_URL }).listen(PORT, '127.0.0.1', error => {
  if (error) throw error
  console.log(`\n  A portal with a chat: ${PORTAL_URL}\n`)
  console.log('  To sign in a second user, open a private window. Ctrl+C stops it.\n')
})
process.once('SIGINT', () => process.exit())
