import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root, from wherever this file is once compiled. */
export const root = rootFrom(dirname(fileURLToPath(import.meta.url)))

function rootFrom(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootFrom(dirname(folder))
}
