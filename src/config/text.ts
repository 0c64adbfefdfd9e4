import { readFileSync } from 'node:fs'
import type { Report } from './settings.js'

/** Puts back what would have ended an entry of a list: `%2C`, `%3A` and `%25`. */
export const unescaped = (text: string) => text.replace(/%(2C|3A|25)/gi, decodeURIComponent)

/** A text file that a setting names. */
export function readText(file: string, report: Report): string | undefined {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    return report(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
