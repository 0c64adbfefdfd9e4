import * as oidc from 'openid-client'
import { keepTokens } from './tokens.js'

/**
 * The portal as a client of an OpenID provider: authorization code flow with PKCE. `chat` is what the tokens are for (RFC 8707), as the
 * provider has it.
 */
export async function createSignIn({ issuer, clientId, clientSecret, portalUrl, chat }) {
  // Without TLS the provider must be on this machine.
  const isLocal = issuer.startsWith('http://127.0.0.1:')
  // By default openid-client does not check the signatures of ID tokens.
  const provider = await oidc.discovery(
    new URL(issuer),
    clientId,
    undefined,
    oidc.ClientSecretBasic(clientSecret),
    { execute: [oidc.enableNonRepudiationChecks, ...(isLocal ? [oidc.allowInsecureRequests] : [])] },
  )
  return {
    /** The origin of the provider's pages. */
    origin: new URL(issuer).origin,

    /** Where to send the browser, and what it has to bring along when it comes back: a cookie that no script reads. */
    async begin() {
      const verifier = oidc.randomPKCECodeVerifier()
      const state = oidc.randomState()
      const nonce = oidc.randomNonce()
      const url = oidc.buildAuthorizationUrl(provider, {
        redirect_uri: `${portalUrl}/signed-in`,
        // Many providers want `offline_access` as well, or there is no refresh token.
        scope: 'openid profile chat',
        resource: chat,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      })
      return { url: url.href, cookie: [verifier, state, nonce].join('.') }
    },

    /** Who has come back with this URL and this cookie, and their tokens. Rejects unless both are of one sign-in. */
    async complete(path, cookie) {
      const [pkceCodeVerifier, expectedState, expectedNonce] = cookie?.split('.') ?? []
      // Left out, state and nonce would not be checked.
      if (!expectedNonce) throw new Error('the sign-in has not begun in this browser')
      const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
      const answer = await oidc.authorizationCodeGrant(provider, new URL(path, portalUrl), checks, {
        resource: chat,
      })
      // Names the user here only: in the chat they are who the XMPP server takes the token for.
      const { preferred_username: name } = answer.claims()
      if (!name || !answer.refresh_token) throw new Error('the provider gives no name, or no refresh token')
      return { name, tokens: keepTokens(provider, chat, answer) }
    },

    /** Where users sign out at the provider too, who would be signed in again without a question otherwise. */
    signOutUrl: () => oidc.buildEndSessionUrl(provider, { post_logout_redirect_uri: `${portalUrl}/` }).href,
  }
}
