import { randomInt } from 'node:crypto'

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const length = 8

/** A random name. Sids, ids and tokens of the process begin with this name and a `-`. */
export function newNodeName(): string {
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}

export const isNodeName = (text: string): boolean => /^[a-z0-9]{8}$/.test(text)

/** Name of the process in a sid, id or token. The process may not exist. */
export function nodeIn(text: string): string | undefined {
  if (text.charCodeAt(length) !== 0x2d) return undefined
  const name = text.slice(0, length)
  return isNodeName(name) ? name : undefined
}
