import { randomBytes } from 'node:crypto'
import type { Config } from '../../config/config.js'
import { openText, sealText } from '../../lib/secrets/sealed-text.js'
import type { SecretKeys } from '../../lib/secrets/secret-hashes.js'
import { operatorLogin } from '../../servers/login/login-request.js'
import { refused } from './page-claims.js'

/** Page tokens have dots, but no such beginning. */
const prefix = 'guest-'
const longestToken = 512
const validSeconds = 30 * 86_400
const expiryBytes = 6
const nodeBytes = 16

export interface Guest {
  /** A bare JID, or the domain if the guest logs in anonymously. */
  readonly jid: string
  /** Undefined for anonymous guests, who end with their session. */
  readonly visit: string | undefined
  /** The guest comes back with it. */
  readonly token: string | undefined
}

interface GuestsParts {
  readonly config: Pick<Config, 'pages' | 'loginKeys' | 'serviceAccounts'>
  readonly keys: SecretKeys
  /** In milliseconds since 1970. */
  readonly now: () => number
}

export type Guests = ReturnType<typeof createGuests>

export const isGuestToken = (token: string): boolean => token.startsWith(prefix)

/** Visitors without an account. Nothing is stored: the guest's random name is sealed in the token. */
export function createGuests({ config, keys, now }: GuestsParts) {
  const purposeOf = (domain: string) => ({ label: 'guest', owner: domain })

  const guestNamed = (node: Buffer, domain: string): Guest => {
    const expiry = Buffer.alloc(expiryBytes)
    expiry.writeUIntBE(Math.floor(now() / 1000) + validSeconds, 0, expiryBytes)
    const token = prefix + sealText(keys()[0], purposeOf(domain), Buffer.concat([expiry, node]))
    const name = node.toString('hex')
    return { jid: `${name}@${domain}`, visit: name, token }
  }
  const isAnonymous = (domain: string) => operatorLogin(config, domain) === undefined

  return {
    /** PAGE_GUESTS. */
    get domain(): string | undefined {
      return config.pages.guests
    },

    create(domain: string): Guest {
      if (isAnonymous(domain)) return { jid: domain, visit: undefined, token: undefined }
      return guestNamed(randomBytes(nodeBytes), domain)
    },

    /** Returns the guest with a renewed token. Throws `invalid-token`. */
    guestOf(token: string): Guest {
      const { domain } = this
      if (domain === undefined) throw refused('It is the token of a guest, but PAGE_GUESTS is not set.')
      if (isAnonymous(domain)) throw refused(`It is the token of a guest, but guests at ${domain} are anonymous now.`)
      const sealed = token.slice(prefix.length)
      const opened = sealed.length > longestToken ? undefined : openText(keys(), purposeOf(domain), sealed)
      if (opened?.length !== expiryBytes + nodeBytes)
        throw refused('It is the token of a guest, but damaged, or of another PAGE_GUESTS or SEAL_KEY_FILE.')
      if (opened.readUIntBE(0, expiryBytes) * 1000 <= now())
        throw refused('It is the token of a guest, and has expired.')
      return guestNamed(opened.subarray(expiryBytes), domain)
    },
  }
}
