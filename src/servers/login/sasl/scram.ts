import { createHmac, hash as digest, randomBytes, timingSafeEqual } from 'node:crypto'
import { saslprep } from '@mongodb-js/saslprep'
import { Problem } from '../../../lib/errors.js'
import { foreignText } from '../../../lib/text/foreign-text.js'
import type { ChannelBinding } from './channel-binding.js'
import { fromByteString, type Mechanism, type ScramProof, saslName, toByteString } from './mechanism.js'
import type { PasswordToSalt, SaltedPasswords, ScramHash, ScramKeys, Waiting } from './salted-passwords.js'

export interface ScramParts {
  readonly domain: string
  readonly user: string
  readonly secret: string | ScramProof
  /** True if the operator has set `user` and `secret`. */
  readonly isServiceAccount?: boolean | undefined
  readonly onSalt?: ((salt: Buffer) => void) | undefined
  /** A bare JID. */
  readonly authzid?: string | undefined
  /** `not-offered` tells the server that no -PLUS offer arrived: an attacker may have removed it (RFC 5802 §6). */
  readonly channelBinding?: ChannelBinding | 'not-offered' | undefined
  readonly saltedPasswords: SaltedPasswords
  readonly maxIterations: number
  readonly waiting: Waiting
  /** Default: 144 random bits. */
  readonly nonce?: string
}

type Hashing = Pick<PasswordToSalt, 'salt' | 'iterations'>

/** RFC 5802 §5.1. */
const minIterations = 4096
/** In base64. Servers have 16 to 64 bytes. */
const longestSalt = 1024

/** RFC 5802, RFC 7677. Undefined for other mechanisms. */
export function scramHash(name: string): ScramHash | undefined {
  const [, size] = /^SCRAM-SHA-(1|256|512)(?:-PLUS)?$/.exec(name) ?? []
  return size === undefined ? undefined : (`sha${size}` as ScramHash)
}

/** RFC 5802 §5. Fails if the server sends no proof. `name` must be one of SCRAM. */
export function scram(name: string, parts: ScramParts): Mechanism {
  const hash = scramHash(name)!
  const ownNonce = parts.nonce ?? randomBytes(18).toString('base64')
  /** RFC 5802 §7. */
  const gs2Header = writeGs2Header(parts)
  let firstBare = ''
  let serverFirst: string | undefined
  let sent: (Hashing & { readonly keys: ScramKeys; readonly authMessage: string }) | undefined
  let hasServerProved = false

  async function prove(serverFirst: string): Promise<string> {
    const { channelBinding, maxIterations, onSalt } = parts
    const { nonce, salt, iterations } = readServerFirst(serverFirst, ownNonce, maxIterations)
    onSalt?.(salt)
    const keys = await keysFor({ salt, iterations })
    const header = Buffer.from(gs2Header)
    const bound = typeof channelBinding === 'object' ? Buffer.concat([header, channelBinding.data]) : header
    const withoutProof = `c=${bound.toString('base64')},r=${nonce}`
    const authMessage = `${firstBare},${serverFirst},${withoutProof}`
    sent = { salt, iterations, keys, authMessage }
    const proof = createHmac(hash, keys.storedKey).update(authMessage).digest()
    for (let index = 0; index < proof.length; index++) proof[index]! ^= keys.clientKey[index]!
    return toByteString(`${withoutProof},p=${proof.toString('base64')}`)
  }

  async function keysFor({ salt, iterations }: Hashing): Promise<ScramKeys> {
    const { domain, user, secret, isServiceAccount, saltedPasswords, waiting } = parts
    if (typeof secret === 'string') {
      const password = saslPrepared(secret, 'password', isServiceAccount)
      return await saltedPasswords({ domain, user, password, salt, iterations, hash }, waiting)
    }
    if (secret.hash !== hash || secret.iterations !== iterations || secret.salt !== salt.toString('base64'))
      throw new Problem('credentials-expired', { step: 'sasl', detail: otherSalt })
    const clientKey = Buffer.from(secret.clientKey, 'base64')
    const serverKey = Buffer.from(secret.serverKey, 'base64')
    return { clientKey, storedKey: digest(hash, clientKey, 'buffer'), serverKey }
  }

  function verify(serverFinal: string): void {
    const signature = /^v=([A-Za-z0-9+/]+={0,2})(?:,|$)/.exec(serverFinal)?.[1]
    if (signature === undefined || sent === undefined) throw notAuthentic()
    const given = Buffer.from(signature, 'base64')
    const expected = createHmac(hash, sent.keys.serverKey).update(sent.authMessage).digest()
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw notAuthentic()
    hasServerProved = true
  }

  return {
    name,
    response() {
      if (hasServerProved) return ''
      if (serverFirst !== undefined) return prove(serverFirst)
      const user = saslPrepared(parts.user, 'name', parts.isServiceAccount)
      firstBare = `n=${saslName(user)},r=${ownNonce}`
      return toByteString(gs2Header + firstBare)
    },
    challenge(message) {
      const text = fromByteString(message)
      if (serverFirst === undefined) serverFirst = text
      else verify(text)
    },
    success(data) {
      if (data !== undefined && !hasServerProved) verify(fromByteString(data))
      if (!hasServerProved) throw notAuthentic()
    },
    get proof() {
      if (!hasServerProved || sent === undefined) return undefined
      const { user, authzid = '' } = parts
      const { salt, iterations, keys } = sent
      const [clientKey, serverKey] = [keys.clientKey.toString('base64'), keys.serverKey.toString('base64')]
      return { hash, salt: salt.toString('base64'), iterations, clientKey, serverKey, user, authzid }
    },
  }
}

/** RFC 5802 §7: `server-first-message`. */
function readServerFirst(text: string, ownNonce: string, maxIterations: number) {
  const fields = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d+)(?:,|$)/.exec(text)
  if (fields === null) throw refusal('the first message of the server is not SCRAM')
  // An attacker could add a `c=` here, and Prosody reads the first `c=` of the signed text.
  if (/,[acimnprsv]=/.test(text.slice(fields[0].length - 1)))
    throw refusal('the first message of the server repeats an attribute')
  const [, nonce, salt, iterationText] = fields as unknown as [string, string, string, string]
  const iterations = Number(iterationText)
  // Sessions and credentials keep it.
  if (salt.length > longestSalt) throw refusal(`the server has a salt of more than ${longestSalt} characters`)
  if (!nonce.startsWith(ownNonce) || nonce.length === ownNonce.length)
    throw refusal('the server did not extend the nonce')
  const asked = `the server asks for ${foreignText(iterationText)} iterations`
  if (iterations < minIterations) throw refusal(`${asked}, and ${minIterations} are the fewest`)
  if (iterations > maxIterations) throw refusal(`${asked}, and SCRAM_MAX_ITERATIONS allows ${maxIterations}`)
  return { nonce, salt: Buffer.from(salt, 'base64'), iterations }
}

function writeGs2Header({ channelBinding, authzid = '' }: ScramParts): string {
  let flag = 'n'
  if (channelBinding === 'not-offered') flag = 'y'
  else if (channelBinding !== undefined) flag = `p=${channelBinding.type}`
  return `${flag},${authzid === '' ? '' : `a=${saslName(authzid)}`},`
}

/** SASLprep (RFC 4013). */
function saslPrepared(text: string, what: 'name' | 'password', isServiceAccount = false): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  try {
    // Allows unassigned characters in user names (RFC 5802 §5.1), and unlike §2.2 also in passwords.
    return saslprep(text, { allowUnassigned: true })
  } catch {
    if (isServiceAccount)
      throw new Problem('not-authorized', {
        step: 'sasl',
        detail: `SASLprep (RFC 4013) forbids the ${what} of the account in XMPP_SERVICE_ACCOUNTS: change it.`,
      })
    throw new Problem('invalid-parameter', {
      detail: `Parameter: ${what === 'name' ? 'jid' : what}. Text without the characters that SASLprep (RFC 4013) forbids.`,
    })
  }
}

function notAuthentic(): Problem {
  return new Problem('server-not-authentic', { step: 'sasl' })
}

const otherSalt = 'The server has another salt than before: the password was changed, or is salted at each login.'

function refusal(detail: string): Problem {
  return new Problem('login-failed', { step: 'sasl', detail })
}
