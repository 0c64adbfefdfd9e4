import { randomFillSync } from 'node:crypto'

/** Random bytes that wait to be given out: the system is asked for many at once, since asking takes longer than making them. */
const pool = Buffer.alloc(4096)
let at = pool.length

/** So many random bytes as text, which nothing else is made of: what has been given out is wiped here. */
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
