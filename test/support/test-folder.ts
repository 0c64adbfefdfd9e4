import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from '@jest/globals'

/** A folder for the tests of a file, which is removed after them. `file` writes a file there and returns its path. */
export function testFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'warm-bindings-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return {
    folder,
    file(name: string, text: string): string {
      const path = join(folder, name)
      writeFileSync(path, text, { mode: 0o600 })
      return path
    },
  }
}
