import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'

/** scrypt (RFC 7914). `logN` is a logarithm to base 2. */
type SecretHash = NonNullable<ReturnType<typeof parseSecretHash>>

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt)

/** Each hash needs 32 MiB and about 80 ms. */
const usual = { logN: 15, r: 8, p: 1 }
/** In bytes, for each check of a secret. */
const mostMemory = 256 * 1024 * 1024

const format = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{11,171})\$([\w-]{22,171})$/

/** `scrypt$logN$r$p$salt$hash`, with base64url. Undefined if invalid. */
export function parseSecretHash(text: string) {
  const [, logN, r, p, salt = '', hash = ''] = format.exec(text) ?? []
  const costs = { logN: Number(logN), r: Number(r), p: Number(p) }
  const isSound = costs.logN >= 10 && costs.r >= 1 && costs.p >= 1 && costs.p <= 16
  if (!isSound || memoryOf(costs) > mostMemory) return undefined
  return { ...costs, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') }
}

export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(16)
  const hash = await hashLike({ ...usual, salt, hash: Buffer.alloc(32) }, secret)
  const { logN, r, p } = usual
  return ['scrypt', logN, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$')
}

export function hashLike({ logN, r, p, salt, hash }: SecretHash, secret: string): Promise<Buffer> {
  // OpenSSL needs more than `memoryOf`, and its default limit is only 32 MiB.
  const maxmem = 2 * memoryOf({ logN, r })
  return derive(secret, salt, hash.length, { N: 2 ** logN, r, p, maxmem })
}

/** In bytes (RFC 7914 §2). */
function memoryOf({ logN, r }: { logN: number; r: number }): number {
  return 128 * 2 ** logN * r
}
