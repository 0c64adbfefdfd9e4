import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { nodeIn } from '../../processes/node-name.js'
import type { Nodes } from '../../processes/nodes.js'

/** How long a token is accepted, in milliseconds. */
const lifetime = 3_600_000

/** Makes the tokens that forms of this service are known by, and knows them again. */
export interface FormTokens {
  /** A token for the form that this admin is shown; good for an hour. */
  token(admin: string): string
  /** Whether a token was made for this admin within the hour. The answer comes at once unless another process has made it. */
  accepts(admin: string, token: unknown): boolean | Promise<boolean>
}

/**
 * Tokens are an expiry and its HMAC, stored nowhere; `now` is in milliseconds. Where there are other processes, a token begins
 * with the name of the one that has made it, which the others ask. A key for all would have to be made of the settings, which
 * could be guessed at from any token, or be carried about.
 */
export function createFormTokens(now: () => number, nodes?: Nodes): FormTokens {
  /** Of this process alone. */
  const key = randomBytes(32)
  const prefix = nodes === undefined ? '' : `${nodes.self}-`
  const sign = (admin: string, expiry: string) =>
    createHmac('sha256', key).update(`${expiry}\0${admin}`).digest()

  function acceptsOwn(admin: string, token: string): boolean {
    const [, expiry, signature] = /^(\d{1,15})\.([\w-]{43})$/.exec(token) ?? []
    if (expiry === undefined || signature === undefined) return false
    const isGenuine = timingSafeEqual(sign(admin, expiry), Buffer.from(signature, 'base64url'))
    return isGenuine && Number(expiry) > now()
  }

  nodes?.answer('form-token', ({ admin, token }: { readonly admin: string; readonly token: string }) =>
    acceptsOwn(admin, String(token)),
  )

  return {
    token(admin) {
      const expiry = String(Math.ceil(now() + lifetime))
      return `${prefix}${expiry}.${sign(admin, expiry).toString('base64url')}`
    },
    accepts(admin, sent) {
      const text = String(sent)
      if (text.startsWith(prefix)) return acceptsOwn(admin, text.slice(prefix.length))
      const other = nodeIn(text)
      if (nodes === undefined || other === undefined || !nodes.has(other)) return false
      const token = text.slice(other.length + 1)
      // Longer ones are none. Where the other does not answer, a form that is loaded again is good.
      if (token.length > 100) return false
      return nodes.ask(other, 'form-token', { admin, token }).then(
        answer => answer === true,
        () => false,
      )
    },
  }
}
