import { describe, expect, test } from '@jest/globals'
import { CommandError } from '../../src/command/command-error.js'
import { readCommandLine } from '../../src/command/command-line.js'

/** Why a command line is refused. */
function refusal(words: readonly string[]): string {
  try {
    readCommandLine(words)
  } catch (error) {
    if (error instanceof CommandError) return error.message
    throw error
  }
  throw new Error('it was not refused')
}

describe('the command line', () => {
  test.each([
    [[], { name: 'serve' }],
    [['--demo'], { name: 'demo' }],
    [['--demo', '--demo'], { name: 'demo' }],
    [['--check-config'], { name: 'check-config' }],
    [['--version'], { name: 'version' }],
    [['-v'], { name: 'version' }],
    [['--help'], { name: 'help' }],
    [['-h'], { name: 'help' }],
    [['--help', '--demo'], { name: 'help' }],
    [['hash-password'], { name: 'hash-password' }],
  ])('%j is read', (words, command) => {
    expect(readCommandLine(words)).toEqual(command)
  })

  const offer =
    'There are --check-config, --demo, --help, --version and hash-password; without any of them the service starts.'

  test.each([
    [['--chekc-config'], `--chekc-config means nothing here. ${offer}`],
    [['-x'], `-x means nothing here. ${offer}`],
    [['--constructor'], `--constructor means nothing here. ${offer}`],
    [['start'], `start means nothing here. ${offer}`],
    [['start', '--demo'], `start means nothing here. ${offer}`],
    [[''], ` means nothing here. ${offer}`],
    [['--demo=yes'], '--demo takes no value.'],
    [['--demo', '--check-config'], '--demo and --check-config do not go together.'],
  ])('%j is refused in words', (words, told) => {
    expect(refusal(words)).toBe(told)
  })

  test.each([
    [['hash-password', 'wonderland'], /^hash-password takes no secret behind it: it is asked/],
    [['hash-password', '--password=wonderland'], /^--password means nothing here/],
    [['hash-password', '-pwonderland'], /^-p means nothing here/],
  ])('%j has a secret where every user of the machine can see it, which is not repeated', (words, told) => {
    expect(refusal(words)).toMatch(told)
    expect(refusal(words)).not.toMatch(/wonder|-w\b/)
  })
})
