import * as oidc from 'openid-client'
import { keepTokens } from './tokens.js'

/**
 * The portal as a client of an OpenID provider: authorization code flow with PKCE. `audience` is the resource of the
 * access tokens (RFC 8707).
 */
export async function createSignIn({ issuer, clientId, clientSecret, portalUrl, audience }) {
  // Without TLS the provider must be on this machine.
  const isLocal = issuer.startsWith('http://127.0.0.1:')
  // By default openid-client does not check the signatures of ID tokens.
  const provider = await oidc.discovery(new URL(issuer), clientId, undefined, oidc.ClientSecretBasic(clientSecret), {
    execute: [oidc.enableNonRepudiationChecks, ...(isLocal ? [oidc.allowInsecureRequests] : [])],
  })
  return {
    /** The origin of the provider's pages. */
    origin: new URL(issuer).origin,

    /** The URL for the browser, and the HttpOnly cookie that the browser must send when it returns. */
    async begin() {
      const verifier = oidc.randomPKCECodeVerifier()
      const state = oidc.randomState()
      const nonce = oidc.randomNonce()
      const url = oidc.buildAuthorizationUrl(provider, {
        redirect_uri: `${portalUrl}/signed-in`,
        // Many providers return a refresh token only with the scope `offline_access`.
        scope: 'openid profile chat',
        resource: audience,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      })
      return { url: url.href, cookie: [verifier, state, nonce].join('.') }
    },

    /** The user who returned, and the tokens. Rejects if URL and cookie belong to different sign-ins. */
    async complete(path, cookie) {
      const [pkceCodeVerifier, expectedState, expectedNonce] = cookie?.split('.') ?? []
      // Without these values, openid-client does not check state and nonce.
      if (!expectedNonce) throw new Error('the sign-in has not begun in this browser')
      const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
      const answer = await oidc.authorizationCodeGrant(provider, new URL(path, portalUrl), checks, {
        resource: audience,
      })
      // This name is for the portal only. The chat takes the user from the access token.
      const { preferred_username: name } = answer.claims()
      if (!name || !answer.refresh_token) throw new Error('the provider gives no name, or no refresh token')
      return { name, tokens: keepTokens(provider, audience, answer) }
    },

    /** The URL that signs the user out at the provider. Without it, the next sign-in asks no password. */
    signOutUrl: () => oidc.buildEndSessionUrl(provider, { post_logout_redirect_uri: `${portalUrl}/` }).href,
  }
}
