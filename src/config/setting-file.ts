import { readFileSync, statSync } from 'node:fs'

/** Reads the file of a setting. Throws an error with a `code`. A pipe or a device could block for ever. */
export function readSettingFile(file: string): Buffer {
  const stats = statSync(file)
  if (stats.isFile() || stats.isDirectory()) return readFileSync(file)
  throw Object.assign(new Error(), { code: 'it is not a regular file' })
}
