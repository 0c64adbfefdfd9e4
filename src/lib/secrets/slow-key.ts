import { scrypt } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, string, number, Buffer>(scrypt)

export const slowKey = (secret: string, purpose: string): Promise<Buffer> =>
  derive(secret, `warm-bindings ${purpose}`, 32)
