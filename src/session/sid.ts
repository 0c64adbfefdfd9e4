import { hash, randomBytes } from 'node:crypto'

export interface SessionIds {
  readonly sid: string
  readonly id: string
}

/** The sid has 160 secret bits, the id 128 bits. With several processes, both begin with the process's name. */
export function newSid(processName?: string): SessionIds {
  const secret = randomBytes(20).toString('hex')
  return { sid: processName === undefined ? secret : `${processName}-${secret}`, id: idOf(secret, processName) }
}

export function idOf(sid: string, processName: string | undefined): string {
  return processName === undefined ? hashOf(sid) : `${processName}-${hashOf(sid)}`
}

export function hashOf(sid: string): string {
  // A slice of the whole hex text would keep that text in memory.
  return hash('sha256', sid, 'buffer').toString('hex', 0, 16)
}

export const idPattern = '(?:[a-z0-9]{1,16}-)?[0-9A-Fa-f]{32}'
