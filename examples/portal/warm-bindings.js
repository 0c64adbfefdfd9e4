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
    // A session that is over, or that browsers reach at another server, is no failure.
    if (answer.code === 'session-not-found' || answer.code === 'not-here') return undefined
    throw new Error(`${answer.code} (${answer.instance})`)
  }

  return {
    /** Logs a user in. Resolves with `jid`, `sid` and `rid` for the page, and `id` for the calls below. */
    warm: credentials => call('POST', '', credentials),
    /** Takes a session up for another page; resolves with undefined if there is none to be had. */
    resume: id => call('POST', `/${id}/resume`),
    /** Logs the user out of it. */
    end: id => call('DELETE', `/${id}`),
  }
}
