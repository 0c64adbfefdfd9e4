import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { saslprep } from '@mongodb-js/saslprep'
import { parseJid } from '../jid/jid.js'
import { domain } from './address.js'

const deriveKey = promisify(pbkdf2)

export type ScramHash = 'sha256' | 'sha1'

const keyLengths: Record<ScramHash, number> = { sha256: 32, sha1: 20 }
/** The fewest that RFC 5802 §5.1 allows: the demo's passwords are no secret. */
const iterations = 4096

/** What a server keeps in place of a password (RFC 5802 §3). */
export interface ScramRecord {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

type Records = Record<ScramHash, ScramRecord>

/** The accounts of the demo server, by prepared name. */
export class Accounts {
  readonly #records: ReadonlyMap<string, Records>
  readonly #secret = randomBytes(32)

  private constructor(records: ReadonlyMap<string, Records>) {
    this.#records = records
  }

  /** Computes what is kept of each password. Rejects when a name is no local part of a JID. */
  static async from(passwords: Readonly<Record<string, string>>): Promise<Accounts> {
    const records = Object.entries(passwords).map(async ([name, password]) => {
      const local = parseJid(`${name}@${domain}`)?.local
      if (local === undefined) throw new Error(`"${name}" is no name for an account`)
      const prepared = saslprep(password)
      const [sha256, sha1] = await Promise.all([record(prepared, 'sha256'), record(prepared, 'sha1')])
      return [local, { sha256, sha1 }] as const
    })
    return new Accounts(new Map(await Promise.all(records)))
  }

  get names(): Iterable<string> {
    return this.#records.keys()
  }

  has(name: string): boolean {
    return this.#records.has(name)
  }

  /** The record of an account, or for an unknown name one that always has the same salt and that no password fits. */
  record(name: string, hash: ScramHash): ScramRecord {
    const known = this.#records.get(name)
    if (known !== undefined) return known[hash]
    const salt = createHmac('sha256', this.#secret).update(`${hash}\0${name}`).digest().subarray(0, 16)
    const nobodys = () => randomBytes(keyLengths[hash])
    return { salt, iterations, storedKey: nobodys(), serverKey: nobodys() }
  }
}

async function record(password: string, hash: ScramHash): Promise<ScramRecord> {
  const salt = randomBytes(16)
  const salted = await deriveKey(password, salt, iterations, keyLengths[hash], hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update('Server Key').digest(),
  }
}
