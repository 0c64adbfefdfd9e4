import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(4096)
let at = pool.length

export function randomText(bytes: number, encoding: 'hex' | 'base64' | 'base64url'): string {
  if (at + bytes > pool.length) {
    randomFillSync(pool)
    at = 0
  }
  const end = at + bytes
  const text = pool.toString(encoding, at, end)
  pool.fill(0, at, end)
  at = end
  return text
}
