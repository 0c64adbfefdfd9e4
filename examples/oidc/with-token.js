/** Answers to an expired token. ejabberd sends the second for every fault. */
const outdated = ['credentials-expired', 'not-authorized']

/** The service for one user, who logs in with a token. `parameter` is its name in calls of `/warm`. */
export function withToken(service, tokens, parameter) {
  const warm = (jid, token) => service.warm({ jid, [parameter]: token })
  return {
    resume: id => service.resume(id),
    end: id => service.end(id),
    async warm({ jid }) {
      try {
        return await warm(jid, await tokens.current())
      } catch (error) {
        if (!outdated.includes(error.code)) throw error
        // Once: if a new token is refused too, its age is not the cause.
        return warm(jid, await tokens.refresh())
      }
    },
  }
}
