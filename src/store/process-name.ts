import { randomInt } from 'node:crypto'

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const length = 8

/** Sids, ids and tokens of the process begin with this random name and a `-`. */
export function newProcessName(): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}

export const isProcessName = (text: string): boolean => /^[a-z0-9]{8}$/.test(text)

/** Returns the process name in a sid, id or token. The process may be gone. */
export function processIn(text: string): string | undefined {
  if (text.charCodeAt(length) !== 0x2d) return undefined
  const name = text.slice(0, length)
  return isProcessName(name) ? name : undefined
}
