/** What the XMPP server says of a token that is no longer good. ejabberd says the second, whatever is wrong with it. */
const outdated = ['credentials-expired', 'not-authorized']

/** The service for the chats of one user, who logs in by a token. `parameter` is the name under which `/warm` takes it. */
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
        // Once: a new token that is refused as well is not an outdated one.
        return warm(jid, await tokens.refresh())
      }
    },
  }
}
