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
    'Options: --check-config, --demo, --help, --version. Commands: hash-password, warm JID. Without any, the service starts.'

  test.each([
    [['--chekc-config'], `Unknown option --chekc-config. ${offer}`],
    [['-x'], `Unknown option -x. ${offer}`],
    [['--constructor'], `Unknown option --constructor. ${offer}`],
    [['start'], `Unknown command start. ${offer}`],
    [['start', '--demo'], `Unknown command start. ${offer}`],
    [[''], `Unknown command . ${offer}`],
    [['--demo=yes'], '--demo accepts no value.'],
    [['--demo', '--check-config'], '--demo and --check-config exclude each other.'],
    [['--demo', 'warm', 'alice@example.org'], '--demo and warm exclude each other.'],
    [['warm'], 'warm needs the JID of the user: warm-bindings warm alice@example.org'],
  ])('%j is refused in words', (words, told) => {
    expect(refusal(words)).toBe(told)
  })

  test.each([
    [['warm', 'alice@example.org', 'wonderland'], /^Do not pass the password as an argument: it is prompted/],
    [['hash-password', 'wonderland'], /^Do not pass the secret as an argument: it is prompted/],
    [['warm', 'alice@example.org', '--password=wonderland'], /^Unknown option --password/],
    [['warm', 'alice@example.org', '--password', 'wonderland'], /^Unknown option --password/],
    [['warm', 'alice@example.org', '-pwonderland'], /^Unknown option -p/],
  ])('%j has a secret where every user of the machine can see it, which is not repeated', (words, told) => {
    expect(refusal(words)).toMatch(told)
    expect(refusal(words)).not.toMatch(/wonder|-w\b/)
  })
})
