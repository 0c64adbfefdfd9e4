import { parseArgs } from 'node:util'
import { CommandError } from './command-error.js'

export type Command =
  | { readonly name: 'serve' | 'demo' | 'check-config' | 'hash-password' | 'help' | 'version' }
  | { readonly name: 'warm'; readonly jid: string }

const options = {
  'check-config': { type: 'boolean' },
  demo: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

type Option = keyof typeof options

const offer =
  'Options: --check-config, --demo, --help, --version. Commands: hash-password, warm JID. Without any, the service starts.'

const notTyped =
  'it is prompted for, or read from standard input. All users of this machine can read arguments. If this was a secret, change it.'

/** Throws a `CommandError`. Its text repeats no word that may be a secret. */
export function readCommandLine(words: readonly string[]): Command {
  const { tokens, positionals } = parseArgs({
    ...{ args: [...words], options, strict: false, allowPositionals: true, tokens: true },
  })
  const given = tokens.filter(token => token.kind === 'option')
  for (const { name, rawName, value } of given) {
    // Names only the first option: in `-pSECRET` each letter is an option.
    if (!Object.hasOwn(options, name)) throw new CommandError(`Unknown option ${rawName}. ${offer}`)
    if (value !== undefined) throw new CommandError(`${rawName} accepts no value.`)
  }
  const chosen = [...new Set(given.map(({ name }) => name as Option))]
  if (chosen.includes('help')) return { name: 'help' }
  const [word, ...others] = positionals
  if (word === undefined) {
    const [option, second] = chosen
    if (second !== undefined) throw new CommandError(`--${option} and --${second} exclude each other.`)
    return { name: option ?? 'serve' }
  }
  const command = readWord(word, others)
  if (chosen.length > 0) throw new CommandError(`--${chosen[0]} and ${word} exclude each other.`)
  return command
}

function readWord(word: string, others: readonly string[]): Command {
  switch (word) {
    case 'hash-password':
      if (others.length > 0) throw new CommandError(`Do not pass the secret as an argument: ${notTyped}`)
      return { name: word }
    case 'warm': {
      const [jid] = others
      if (jid === undefined)
        throw new CommandError('warm needs the JID of the user: warm-bindings warm alice@example.org')
      if (others.length > 1) throw new CommandError(`Do not pass the password as an argument: ${notTyped}`)
      return { name: word, jid }
    }
    default:
      throw new CommandError(`Unknown command ${word}. ${offer}`)
  }
}
