// `warm-bindings hash-password`, as built.
import { execFile } from 'node:child_process'
import { describe, expect, test } from '@jest/globals'
import { hashLike, parseSecretHash } from '../../src/config/kinds/secret-hash.js'

function run(input: string): Promise<{ failed: boolean; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, ['dist/main.js', 'hash-password'], (error, stdout, stderr) =>
      resolve({ failed: error !== null, stdout, stderr }),
    )
    child.stdin!.end(input)
  })
}

describe('hash-password', () => {
  test('prints a hash of its input line', async () => {
    const { stdout } = await run('geheim-ü\n')
    const hash = parseSecretHash(stdout.trim())!
    expect((await hashLike(hash, 'geheim-ü')).equals(hash.hash)).toBe(true)
  })

  test('exits with an error if the input is empty', async () => {
    const nothing = { failed: true, stdout: '', stderr: 'No secret was entered.\n' }
    expect(await run('')).toMatchObject(nothing)
    expect(await run('\n')).toMatchObject(nothing)
  })
})
