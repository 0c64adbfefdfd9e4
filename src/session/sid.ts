import { hash } from 'node:crypto'
import { randomText } from '../lib/text/random-text.js'

/** The sid has 160 secret bits, the id 128 bits. With several processes, both begin with the process's name. */
export function newSid(processName?: string): { sid: string; id: string } {
  const secret = randomText(20, 'hex')
  return { sid: processName === undefined ? secret : `${processName}-${secret}`, id: handleOf(secret, processName) }
}

export function handleOf(sid: string, processName: string | undefined): string {
  return processName === undefined ? idOf(sid) : `${processName}-${idOf(sid)}`
}

export function idOf(sid: string): string {
  // A slice of the whole hex text would keep that text in memory.
  return hash('sha256', sid, 'buffer').toString('hex', 0, 16)
}

export const handlePattern = '(?:[a-z0-9]{1,16}-)?[0-9A-Fa-f]{32}'
