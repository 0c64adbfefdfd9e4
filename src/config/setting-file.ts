import { readFileSync, statSync } from 'node:fs'
import type { Kind } from './kinds/kinds.js'

/** Throws an error with a `code`, also for pipes and devices, which could block forever. */
export function readSettingFile(file: string): Buffer {
  const stats = statSync(file)
  if (stats.isFile() || stats.isDirectory()) return readFileSync(file)
  throw Object.assign(new Error(), { code: 'it is not a regular file' })
}

export const inFile =
  <T>(kind: Kind<T>): Kind<T> =>
  (file, report) => {
    try {
      return kind(readSettingFile(file).toString(), report)
    } catch (error) {
      return report(`names a file that cannot be read (${(error as NodeJS.ErrnoException).code})`)
    }
  }
