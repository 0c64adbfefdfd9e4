import { hash, randomBytes } from 'node:crypto'

/** A fresh session's secret and the handle that may be shown (160 and 128 bits). */
export function newSid(): { sid: string; id: string } {
  const sid = randomBytes(20).toString('hex')
  return { sid, id: idOf(sid) }
}

/** The public handle of a sid. */
export function idOf(sid: string): string {
  // Not a part of the longer text, which would keep all of it for as long as the session.
  return hash('sha256', sid, 'buffer').toString('hex', 0, 16)
}
