// Which test files `npm test` leaves to `npm run test:all`, see `test/support/matrix.ts`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const testFiles = root =>
  readdirSync(join(root, 'test'), { recursive: true })
    .filter(name => name.endsWith('.test.ts'))
    .map(name => join('test', name))

const hasLine = (root, pattern) => file => pattern.test(readFileSync(join(root, file), 'utf8'))

/** Files that run in `npm run test:all` alone: they say so in a comment of this form. */
export const filesOfAllOnly = root => testFiles(root).filter(hasLine(root, /^\/\/ Runs in npm run test:all only/m))

/** Files with tests that `npm test` leaves out: the files above, and files with combinations or the whole browser. */
export const filesOfRest = root => [
  ...filesOfAllOnly(root),
  ...testFiles(root).filter(hasLine(root, /\/matrix\.js'$|\beitherChromium\b|\bbrowserBefore\b/m)),
]
