import { describe, expect, test } from '@jest/globals'
import { readCommandLine } from '../../src/command/command-line.js'

const reading = (words: readonly string[]) => () => readCommandLine(words)
const usageError = (message: unknown) => expect.objectContaining({ name: 'UsageError', message })

describe('the command line', () => {
  test.each([
    [[], { name: 'serve', envFile: undefined }],
    [['--env-file', '/etc/a.env'], { name: 'serve', envFile: '/etc/a.env' }],
    [['--env-file=a.env', '--check-config'], { name: 'check-config', envFile: 'a.env' }],
    [['--env-file=a.env', 'warm', 'alice@example.org'], { name: 'warm', jid: 'alice@example.org', envFile: 'a.env' }],
    [['--env-file=a.env', '--env-file=b.env'], { name: 'serve', envFile: 'b.env' }],
    [['--demo'], { name: 'demo' }],
    [['--check-config'], { name: 'check-config' }],
    [['--version'], { name: 'version' }],
    [['--help'], { name: 'help' }],
    [['-h'], { name: 'help' }],
    [['help', 'warm'], { name: 'help' }],
    [['warm', '--help'], { name: 'help' }],
    [['hash-password'], { name: 'hash-password' }],
    [['--env-file=a.env', 'token'], { name: 'token', envFile: 'a.env' }],
    [['warm', 'alice@example.org'], { name: 'warm', jid: 'alice@example.org' }],
    [['warm', '--', '-odd-@example.org'], { name: 'warm', jid: '-odd-@example.org' }],
  ])('%j is parsed', (words, command) => {
    expect(readCommandLine(words)).toEqual(command)
  })

  test.each([
    [['--chekc-config'], 'Unknown option --chekc-config.'],
    [['-help'], 'Unknown option -e.'],
    [['--warm'], 'Unknown option --warm.'],
    [['-x'], 'Unknown option -x.'],
    [['--constructor'], 'Unknown option --constructor.'],
    [['start'], 'Unknown command start.'],
    [['wram', 'alice@example.org'], 'Unknown command wram.'],
    [[''], 'Unknown command .'],
    [['--demo=yes'], '--demo accepts no value.'],
    [['--env-file'], '--env-file needs the path of a file.'],
    [['--demo', '--check-config'], '--demo and --check-config exclude each other.'],
    [['--demo', 'warm', 'alice@example.org'], '--demo and warm exclude each other.'],
    [['warm'], 'warm needs the JID of the user: warm-bindings warm alice@example.org'],
  ])('%j is rejected, with advice', (words, told) => {
    expect(reading(words)).toThrow(usageError(told))
  })

  test.each([
    [['warm', 'alice@example.org', 'wonderland'], /^Do not pass the password as an argument: it is prompted/],
    [['token', 'wonderland'], /^Do not pass the token as an argument: it is prompted/],
    [['hash-password', 'wonderland'], /^Do not pass the secret as an argument: it is prompted/],
    [['warm', 'alice@example.org', '--password=wonderland'], /^Unknown option --password/],
    [['warm', 'alice@example.org', '--password', 'wonderland'], /^Unknown option --password/],
    [['warm', 'alice@example.org', '-pwonderland'], /^Unknown option -p/],
  ])('%j has a secret as an argument: it is rejected and not repeated', (words, told) => {
    expect(reading(words)).toThrow(usageError(expect.stringMatching(told)))
    expect(reading(words)).toThrow(usageError(expect.not.stringMatching(/wonder|-w\b/)))
  })
})
