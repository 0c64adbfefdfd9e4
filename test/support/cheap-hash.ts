import { hashLike, parseSecretHash } from '../../src/config/kinds/secret-hash.js'

/** A hash of a secret, as in the settings, that is checked faster than a real one. */
export async function cheapHash(secret: string): Promise<string> {
  const cheap = `scrypt$10$8$1$${'A'.repeat(22)}$`
  const hash = await hashLike(parseSecretHash(cheap + 'A'.repeat(43))!, secret)
  return cheap + hash.toString('base64url')
}
