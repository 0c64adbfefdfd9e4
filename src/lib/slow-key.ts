import { scrypt } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, string, number, Buffer>(scrypt)

/** A key of 32 bytes: whoever sees what it signs must compute one scrypt for each guess at the secret. */
export const slowKey = (secret: string, purpose: string): Promise<Buffer> =>
  derive(secret, `warm-bindings ${purpose}`, 32)
