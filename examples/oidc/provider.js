// Replaces your OpenID provider, such as Keycloak: a page to sign in, and access tokens for the chat.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import { Provider } from 'oidc-provider'
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js'
import { stylesheet } from '../portal/app.js'
import { users } from '../portal/users.js'

const { PROVIDER_PORT = 3001, PORTAL_URL = 'http://127.0.0.1:3000', TOKEN_SECONDS = 300 } = process.env
const { OIDC_CLIENT_SECRET, CHAT_AUDIENCE = 'xmpp:localhost' } = process.env

const server = createServer().listen(PROVIDER_PORT, '127.0.0.1')
await once(server, 'listening')
export const issuer = `http://127.0.0.1:${server.address().port}`

const clients = [
  {
    client_id: 'portal',
    client_secret: OIDC_CLIENT_SECRET,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [`${PORTAL_URL}/signed-in`],
    post_logout_redirect_uris: [`${PORTAL_URL}/`],
  },
]

/** The chat is a resource of tokens (RFC 8707). */
const resourceIndicators = {
  enabled: true,
  useGrantedResource: () => true,
  getResourceServerInfo: () => ({
    audience: CHAT_AUDIENCE,
    scope: 'chat',
    accessTokenFormat: 'jwt',
    accessTokenTTL: Number(TOKEN_SECONDS),
  }),
}

/** A subclass, because the provider warns about `MemoryAdapter` itself. */
class Memory extends MemoryAdapter {}

const provider = new Provider(issuer, {
  adapter: Memory,
  clients,
  jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators,
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: showSignOut },
  },
  claims: { openid: ['sub'], profile: ['preferred_username'] },
  // The portal learns the name from the ID token.
  conformIdTokenClaims: false,
  findAccount: (_context, name) => ({
    accountId: name,
    claims: () => ({ sub: name, preferred_username: name }),
  }),
  // The chat learns the user and the visit from the access token. Tokens of Keycloak have these claims.
  extraTokenClaims: (_context, { accountId, sessionUid }) => ({ preferred_username: accountId, sid: sessionUid }),
  issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
  // A second use of a refresh token revokes all tokens of that sign-in.
  rotateRefreshToken: true,
  loadExistingGrant: grantWithoutAsking,
  interactions: { url: (_context, { uid }) => `/sign-in/${uid}` },
  ttl: { Grant: 86_400, IdToken: 600, Interaction: 600, RefreshToken: 86_400, Session: 86_400 },
})

/** The portal is trusted: users need not consent. */
async function grantWithoutAsking({ oidc: { client, session } }) {
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope('openid profile')
  grant.addResourceScope(CHAT_AUDIENCE, 'chat')
  await grant.save()
  return grant
}

const page = content => `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Provider</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/portal.css"></head>
<body class="outside"><main><h1>Your company’s sign-in</h1>${content}</main></body>
</html>`

const form = problem => `${problem}<form method="post">
<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Continue</button>
</form>`

function showSignOut(context, hiddenForm) {
  context.body = page(`${hiddenForm}<p>Sign out here as well?</p>
<button form="op.logoutForm" name="logout" value="yes">Yes</button> <button form="op.logoutForm">No</button>`)
}

const app = express().disable('x-powered-by')
app.get('/portal.css', (_request, response) => response.sendFile(stylesheet))
app.get('/sign-in/:uid', (_request, response) => response.send(page(form(''))))
app.post('/sign-in/:uid', express.urlencoded({ extended: false }), async (request, response) => {
  const { name, password } = request.body ?? {}
  if (password === undefined || users.get(name)?.password !== password) {
    return response
      .status(403)
      .send(page(form('<p class="problem" role="alert">This name and this password do not match.</p>')))
  }
  await provider.interactionFinished(request, response, { login: { accountId: name } })
})
app.use(provider.callback())
server.on('request', app)

// This file can run without the portal.
if (import.meta.filename === process.argv[1]) {
  console.log(`\n  An OpenID provider: ${issuer}. Ctrl+C stops it.\n`)
  process.once('SIGINT', () => process.exit())
}
