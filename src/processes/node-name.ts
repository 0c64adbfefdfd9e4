import { randomInt } from 'node:crypto'

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const length = 8

/** A name for a process, random at each start: sids, handles and tokens that it makes begin with it and a `-`. */
export function newNodeName(): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}

/** Whether this may be the name of a process. */
export const isNodeName = (text: string): boolean => /^[a-z0-9]{8}$/.test(text)

/** The name that a sid, handle or token begins with, of a process that may or may not exist; undefined where it has none. */
export function nodeIn(text: string): string | undefined {
  if (text.charCodeAt(length) !== 0x2d) return undefined
  const name = text.slice(0, length)
  return isNodeName(name) ? name : undefined
}
