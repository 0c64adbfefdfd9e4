import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from '@jest/globals'

/**
 * A folder for the tests of a file, which is removed after them. `file` writes a file there and returns its path. Both
 * have these permissions, whatever the umask is.
 */
export function testFolder(folderMode = 0o700) {
  const folder = mkdtempSync(join(tmpdir(), 'warm-bindings-'))
  chmodSync(folder, folderMode)
  afterAll(() => rmSync(folder, { recursive: true }))
  return {
    folder,
    file(name: string, text: string, mode = 0o600): string {
      const path = join(folder, name)
      writeFileSync(path, text)
      chmodSync(path, mode)
      return path
    },
  }
}
