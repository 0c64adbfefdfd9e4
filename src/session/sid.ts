import { hash } from 'node:crypto'
import { randomText } from '../lib/text/random-text.js'

/** A new session's secret (160 bits) and handle (128 bits), both behind the process's name where it has one. */
export function newSid(processName?: string): { sid: string; id: string } {
  const secret = randomText(20, 'hex')
  if (processName === undefined) return { sid: secret, id: idOf(secret) }
  return { sid: `${processName}-${secret}`, id: `${processName}-${idOf(secret)}` }
}

/** The handle of a session that is known by a secret of another endpoint's. */
export function handleOf(sid: string, processName: string | undefined): string {
  return processName === undefined ? idOf(sid) : `${processName}-${idOf(sid)}`
}

/** The public handle of a sid. */
export function idOf(sid: string): string {
  // Not a part of the longer text, which would keep all of it for as long as the session.
  return hash('sha256', sid, 'buffer').toString('hex', 0, 16)
}

/** What a handle looks like, with the name of a process or without. */
export const handlePattern = '(?:[a-z0-9]{1,16}-)?[0-9A-Fa-f]{32}'
