/** The three calls that a portal needs. `url` is that of `/warm`; `user` and `password` are an account of ADMIN_USERS. */
export function warmBindings({ url, user, password }) {
  const Authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

  const call = async (method, path, parameters) => {
    const response = await fetch(url + path, {
      method,
      headers: { Authorization, Accept: 'application/json' },
      body: parameters && new URLSearchParams(parameters),
      // Above the service's WARM_TIMEOUT, so that it says itself what takes so long.
      signal: AbortSignal.timeout(20_000),
    })
    const answer = response.status === 204 ? undefined : await response.json()
    if (response.ok) return answer
    // Not a failure: the session is over, or its browser was sent to another server.
    if (answer.code === 'session-not-found' || answer.code === 'not-here') return undefined
    throw Object.assign(new Error(`${answer.code}: ${answer.detail} (${answer.instance})`), {
      code: answer.code,
    })
  }

  return {
    /** Logs a user in. Resolves with `jid`, `sid`, `rid` and `websocket` for the page, and `id` for the calls below. */
    warm: credentials => call('POST', '', credentials),
    /** Hands a live session to a new page; resolves with undefined if it is over. */
    resume: id => call('POST', `/${id}/resume`),
    /** Ends the session: the user is logged out. */
    end: id => call('DELETE', `/${id}`),
  }
}
