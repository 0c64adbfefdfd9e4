// Runs the portal: a client of an OpenID provider, and an admin of a warm-bindings service, both named in the environment.
import { WarmBindings } from '../../dist/packages/client/warm-bindings.js'
import { createPortal } from './portal.js'
import { createSignIn } from './sign-in.js'

const {
  PORT = 3000,
  PORTAL_URL = `http://127.0.0.1:${PORT}`, // as browsers reach it
  OIDC_ISSUER = 'http://127.0.0.1:3001',
  OIDC_CLIENT_ID = 'portal',
  OIDC_CLIENT_SECRET,
  CHAT_DOMAIN = 'localhost',
  CHAT_TOKEN = 'token', // the parameter of /warm that the token is sent as: ejabberd takes it as `password`
  WARM_URL: url,
  WARM_USER: user,
  WARM_PASSWORD: password,
  PUBLIC_URL,
} = process.env
if (!url || !user || !password) throw new Error('Set WARM_URL, WARM_USER and WARM_PASSWORD.')

const signIn = await createSignIn({
  issuer: OIDC_ISSUER,
  clientId: OIDC_CLIENT_ID,
  clientSecret: OIDC_CLIENT_SECRET,
  portalUrl: PORTAL_URL,
  chat: `xmpp:${CHAT_DOMAIN}`,
})
const portal = createPortal({
  signIn,
  service: new WarmBindings({ url, user, secret: password }),
  domain: CHAT_DOMAIN,
  tokenParameter: CHAT_TOKEN,
  publicUrl: PUBLIC_URL || new URL(url).origin,
})
portal.listen(PORT, '127.0.0.1', error => {
  if (error) throw error
  console.log(`\n  A portal with a chat: ${PORTAL_URL}\n`)
  console.log('  For two users at a time, take a private window. Ctrl+C stops it.\n')
})
process.once('SIGINT', () => process.exit())
