import { readFileSync, statSync } from 'node:fs'

/** Reads the file that a setting names. Throws an error whose `code` says why not; a pipe or a device could block for ever. */
export function readSettingFile(file: string): Buffer {
  const stats = statSync(file)
  if (stats.isFile() || stats.isDirectory()) return readFileSync(file)
  throw Object.assign(new Error(), { code: 'it is not a regular file' })
}
