import { hashSecret } from '../config/kinds/secret-hash.js'
import { CommandError } from './command-error.js'
import { readSecret } from './secret-input.js'

/** Turns a secret that is typed or piped in into what ADMIN_USERS may hold instead of it. */
export async function hashPassword(): Promise<void> {
  const secret = await readSecret('Secret (it is not shown): ')
  if (!secret) throw new CommandError('There was no secret to hash.')
  process.stdout.write(`${await hashSecret(secret)}\n`)
}
