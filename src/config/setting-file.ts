import { readFileSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { Kind, Report } from './kinds/kinds.js'

/** Throws an error with a `code`. Rejects pipes and devices, which could block forever. */
export function readSettingFile(file: string): string {
  const stats = statSync(file)
  if (stats.isFile() || stats.isDirectory()) return readFileSync(file, 'utf8')
  throw Object.assign(new Error(), { code: 'it is not a regular file' })
}

/** Why a file or folder cannot be read. The name is not shown, because a secret may stand in its place. */
export function unreadable(error: unknown, file: string): string {
  const { code } = error as NodeJS.ErrnoException
  const isRelative = code === 'ENOENT' && file !== '' && !isAbsolute(file)
  return isRelative ? `(${code}): relative names begin at the working directory, ${process.cwd()}` : `(${code})`
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

/** No name is an empty file. */
export const inFile =
  <T>(kind: (text: string, report: Report, file: string) => T | undefined): Kind<T> =>
  (file, report) => {
    try {
      return kind(file === '' ? '' : readSettingFile(file), report, file)
    } catch (error) {
      return report(`names a file that cannot be read ${unreadable(error, file)}`)
    }
  }

export const secretFile: Kind<string> = inFile((text, report): string | undefined => {
  const secret = text.trim()
  return secret === '' ? report('names a file that is empty') : secret
})
