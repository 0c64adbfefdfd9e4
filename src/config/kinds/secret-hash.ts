import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'

/** A secret as a scrypt hash (RFC 7914) with its costs; `logN` is the logarithm to base 2. */
export type SecretHash = NonNullable<ReturnType<typeof parseSecretHash>>

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt)

/** What new hashes cost: 32 MiB and some 80 ms. */
const usual = { logN: 15, r: 8, p: 1 }
/** What a hash in the settings may cost: 1 GiB would stop the service at every wrong guess. */
const mostMemory = 256 * 1024 * 1024

const format = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{11,171})\$([\w-]{22,171})$/

/** Reads `scrypt$logN$r$p$salt$hash`, the last two in base64url. Undefined for anything else. */
export function parseSecretHash(text: string) {
  const [, logN, r, p, salt = '', hash = ''] = format.exec(text) ?? []
  const costs = { logN: Number(logN), r: Number(r), p: Number(p) }
  const isSound = costs.logN >= 10 && costs.r >= 1 && costs.p >= 1 && costs.p <= 16
  if (!isSound || memoryOf(costs) > mostMemory) return undefined
  return { ...costs, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') }
}

/** Hashes a secret under a fresh salt, as an operator writes it into the settings. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await hashLike({ ...usual, salt, hash: Buffer.alloc(32) }, secret)
  const { logN, r, p } = usual
  return ['scrypt', logN, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

/** Hashes a secret as another one was hashed, for comparison; takes that one's time on a thread of the pool. */
export function hashLike({ logN, r, p, salt, hash }: SecretHash, secret: string): Promise<Buffer> {
  // OpenSSL counts a little more than the formula, and its own limit would be 32 MiB.
  const maxmem = 2 * memoryOf({ logN, r })
  return derive(secret, salt, hash.length, { N: 2 ** logN, r, p, maxmem })
}

/** Bytes that a hash of this cost needs at once (RFC 7914 §2). */
function memoryOf({ logN, r }: { logN: number; r: number }): number {
  return 128 * 2 ** logN * r
}
