import { createHmac, sign } from 'node:crypto'
import type { LoginKey } from '../../config/config.js'
import { formatBareJid, type Jid } from '../../xmpp/jid/jid.js'

/** Longer than a login. Clocks may differ by as much. */
const validSeconds = 60

/**
 * A JSON Web Token (RFC 7519) with which the user logs in at a server that knows the key: `jid` is for ejabberd, `sub`
 * for MongooseIM.
 */
export function signedLogin({ alg, key, kid }: LoginKey, { local, domain }: Jid): string {
  const now = Math.floor(Date.now() / 1000)
  const header = { alg, typ: 'JWT', kid }
  const jid = formatBareJid({ local, domain })
  const claims = { jid, sub: local, iat: now - validSeconds, exp: now + validSeconds }
  const text = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature =
    alg === 'HS256'
      ? createHmac('sha256', key).update(text).digest()
      : sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}
