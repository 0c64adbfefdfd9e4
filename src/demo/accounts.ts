import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { saslprep } from '@mongodb-js/saslprep'
import { parseJid } from '../jid/jid.js'
import { domain } from './stanza.js'

export type ScramHash = 'sha256' | 'sha1'

const keyLengths: Record<ScramHash, number> = { sha256: 32, sha1: 20 }
/** The fewest that RFC 5802 §5.1 allows: the demo's passwords are no secret. */
export const iterations = 4096

/** What the server's side of SCRAM needs of an account (RFC 5802 §3). */
export interface ScramKeys {
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** The accounts of the demo server, by prepared name. */
export class Accounts {
  readonly #passwords: ReadonlyMap<string, string>
  readonly #secret = randomBytes(32)
  readonly #keys = new Map<string, ScramKeys>()

  /** Throws when a name is no local part of a JID. */
  constructor(passwords: Readonly<Record<string, string>>) {
    this.#passwords = new Map(
      Object.entries(passwords).map(([name, password]) => {
        const local = parseJid(`${name}@${domain}`)?.local
        if (local === undefined) throw new Error(`"${name}" is no name for an account`)
        return [local, saslprep(password)]
      }),
    )
  }

  get names(): Iterable<string> {
    return this.#passwords.keys()
  }

  has(name: string): boolean {
    return this.#passwords.has(name)
  }

  /** The keys of an account, or for an unknown name ones that always have the same salt and that no password fits. */
  keys(name: string, hash: ScramHash): ScramKeys {
    const id = `${hash} ${name}`
    const known = this.#keys.get(id)
    if (known !== undefined) return known
    const salt = createHmac('sha256', this.#secret).update(id).digest().subarray(0, 16)
    const password = this.#passwords.get(name)
    const salted = pbkdf2Sync(password ?? randomBytes(16), salt, iterations, keyLengths[hash], hash)
    const clientKey = createHmac(hash, salted).update('Client Key').digest()
    const storedKey = createHash(hash).update(clientKey).digest()
    const keys = { salt, storedKey, serverKey: createHmac(hash, salted).update('Server Key').digest() }
    if (password !== undefined) this.#keys.set(id, keys)
    return keys
  }
}
