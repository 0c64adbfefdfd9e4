import { preparePattern } from '../jid/domains.js'
import type { Report } from './settings.js'

/** The entries of a list as operators write it: spaces and empty entries do not count. */
export function readList(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
}

/** Reads a list of patterns separated by commas; each one stands in it once. */
export function readPatterns(text: string, report: Report): string[] {
  const patterns = readList(text).map(
    entry => preparePattern(entry) ?? report(`has "${entry}", which is neither a domain nor *.domain nor *`),
  )
  return [...new Set(patterns.filter(pattern => pattern !== undefined))]
}
