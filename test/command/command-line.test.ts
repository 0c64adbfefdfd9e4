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
    [['warm', '--help'], { name: 'help' }],
    [['--help', '--demo'], { name: 'help' }],
    [['hash-password'], { name: 'hash-password' }],
    [['warm', 'alice@example.org'], { name: 'warm', jid: 'alice@example.org' }],
    [['warm', '--', '-odd-@example.org'], { name: 'warm', jid: '-odd-@example.org' }],
  ])('%j is read', (words, command) => {
    expect(readCommandLine(words)).toEqual(command)
  })

  const offer =
    'There are --check-config, --demo, --help, --version, hash-password and warm JID; without any of them the service starts.'

  test.each([
    [['--chekc-config'], `--chekc-config means nothing here. ${offer}`],
    [['-x'], `-x means nothing here. ${offer}`],
    [['--constructor'], `--constructor means nothing here. ${offer}`],
    [['start'], `start means nothing here. ${offer}`],
    [['start', '--demo'], `start means nothing here. ${offer}`],
    [[''], ` means nothing here. ${offer}`],
    [['--demo=yes'], '--demo takes no value.'],
    [['--demo', '--check-config'], '--demo and --check-config do not go together.'],
    [['--demo', 'warm', 'alice@example.org'], '--demo does not go together with warm.'],
    [['warm'], 'warm wants the JID of the user to log in: warm-bindings warm alice@example.org'],
  ])('%j is refused in words', (words, told) => {
    expect(refusal(words)).toBe(told)
  })

  test.each([
    [
      ['warm', 'alice@example.org', 'wonderland'],
      /^warm takes a JID, and no password behind it: it is asked/,
    ],
    [['hash-password', 'wonderland'], /^hash-password takes no secret behind it: it is asked/],
    [['warm', 'alice@example.org', '--password=wonderland'], /^--password means nothing here/],
    [['warm', 'alice@example.org', '--password', 'wonderland'], /^--password means nothing here/],
    [['warm', 'alice@example.org', '-pwonderland'], /^-p means nothing here/],
  ])('%j has a secret where every user of the machine can see it, which is not repeated', (words, told) => {
    expect(refusal(words)).toMatch(told)
    expect(refusal(words)).not.toMatch(/wonder|-w\b/)
  })
})
