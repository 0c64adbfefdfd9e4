import { readFileSync, statSync } from 'node:fs'
import type { Kind } from './kinds/kinds.js'

/** Throws an error with a `code`. Rejects pipes and devices, which could block forever. */
export function readSettingFile(file: string): string {
  const stats = statSync(file)
  if (stats.isFile() || stats.isDirectory()) return readFileSync(file, 'utf8')
  throw Object.assign(new Error(), { code: 'it is not a regular file' })
}

export interface Line {
  readonly number: number
  readonly text: string
}

export function linesIn(text: string): Line[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  return lines
    .map((line, index) => ({ number: index + 1, text: line.trim() }))
    .filter(line => !/^(#|$)/.test(line.text))
}

export const inFile =
  <T>(kind: Kind<T>): Kind<T> =>
  (file, report) => {
    try {
      return kind(readSettingFile(file), report)
    } catch (error) {
      return report(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`)
    }
  }
