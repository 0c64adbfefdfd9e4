import { refreshTokenGrant, tokenRevocation } from 'openid-client'

/** Remaining lifetime that a token needs, in milliseconds: the login takes a moment. */
const reserve = 30_000

/** One user's tokens. The refresh token never leaves the backend. */
export function keepTokens(provider, audience, first) {
  let accessToken
  let refreshToken
  let end
  let refreshing

  const keep = answer => {
    accessToken = answer.access_token
    // Some providers allow a refresh token to be used again.
    refreshToken = answer.refresh_token ?? refreshToken
    end = Date.now() + (answer.expires_in ?? Number.POSITIVE_INFINITY) * 1000
    return accessToken
  }

  /**
   * Resolves with a new access token. Concurrent calls share a request: most providers accept a refresh token only
   * once.
   */
  const refresh = () => {
    refreshing ??= refreshTokenGrant(provider, refreshToken, { resource: audience })
      .then(keep)
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  keep(first)
  return {
    /** Resolves with an access token that is still valid for a while. */
    current: async () => (Date.now() < end - reserve ? accessToken : refresh()),
    /** Revokes the tokens at the provider. */
    revoke: () => tokenRevocation(provider, refreshToken),
  }
}
