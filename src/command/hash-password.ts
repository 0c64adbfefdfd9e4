import { hashSecret } from '../config/kinds/secret-hash.js'
import { CommandError } from './command-error.js'
import { readSecret } from './secret-input.js'

export async function hashPassword(): Promise<void> {
  const secret = await readSecret('Secret (it is not shown): ')
  if (!secret) throw new CommandError('No secret was entered.')
  process.stdout.write(`${await hashSecret(secret)}\n`)
}
