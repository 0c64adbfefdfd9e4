// A file that fails beside others runs once more, alone. Otherwise a busy machine fails a whole run of an hour.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'

const runner = JSON.stringify(join(__dirname, 'support', 'jest-run.js'))

test.each([
  ['counts as passed if it passes alone', 'existsSync(seen)', { passed: 1, failed: 0 }],
  ['counts as failed if it fails again', 'false', { passed: 0, failed: 1 }],
])('a file that fails %s', async (_how, condition, counted) => {
  const folder = mkdtempSync(join(tmpdir(), 'warm-repeated-'))
  try {
    const seen = join(folder, 'seen')
    writeFileSync(
      join(folder, 'busy.test.js'),
      `const { existsSync, writeFileSync } = require('node:fs')
const seen = ${JSON.stringify(seen)}
test('passes', () => {
  const passes = ${condition}
  writeFileSync(seen, '')
  expect(passes).toBe(true)
})`,
    )
    const args = ['--config', JSON.stringify({ rootDir: folder, testMatch: ['**/*.test.js'] })]
    const script = `import { runJest } from ${runner}
console.log(JSON.stringify(await runJest(${JSON.stringify(args)}, { workers: 3 })))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toEqual(counted)
    expect(stdout).toContain('once more, alone')
    expect(existsSync(seen)).toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
