import { refreshTokenGrant, tokenRevocation } from 'openid-client'

/** How long a token has to be good yet, in milliseconds: the login that it is for takes a moment. */
const reserve = 30_000

/** One user's tokens, from the provider's first answer on. They never leave the backend. */
export function keepTokens(provider, chat, first) {
  let accessToken
  let refreshToken
  let end
  let refreshing

  const keep = answer => {
    accessToken = answer.access_token
    // Some providers let the same one be used again.
    refreshToken = answer.refresh_token ?? refreshToken
    end = Date.now() + (answer.expires_in ?? Number.POSITIVE_INFINITY) * 1000
    return accessToken
  }

  /** Resolves with a new access token. Calls at the same time get the same: most providers take a refresh token once. */
  const refresh = () => {
    refreshing ??= refreshTokenGrant(provider, refreshToken, { resource: chat })
      .then(keep)
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  keep(first)
  return {
    /** Resolves with an access token that is good for a while yet. */
    current: async () => (Date.now() < end - reserve ? accessToken : refresh()),
    refresh,
    /** Has the provider take them back. */
    revoke: () => tokenRevocation(provider, refreshToken),
  }
}
