// `warm-bindings hash-password`, as built.
import { expect, test } from '@jest/globals'
import { hashLike, parseSecretHash } from '../../src/config/kinds/secret-hash.js'
import { Operator } from '../support/operated-service.js'

const operator = Operator.ofEachTest()
const run = (input: string) => operator.startWithInput(input, {}, 'hash-password')

test('prints a hash of its input line', async () => {
  const command = run('geheim-ü\n')
  expect(await command.exit).toBe(0)
  const hash = parseSecretHash(command.stdout.trim())!
  expect((await hashLike(hash, 'geheim-ü')).equals(hash.hash)).toBe(true)
})

test.each(['', '\n'])('exits with an error if the input is %j', async input => {
  const command = run(input)
  expect(await command.exit).toBe(1)
  expect([command.stdout, command.stderr]).toEqual(['', 'No secret was entered.\n'])
})
