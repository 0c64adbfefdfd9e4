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
  'There are --check-config, --demo, --help, --version, hash-password and warm JID; without any of them the service starts.'

const notTyped =
  'it is asked for, or read from standard input. What stands on the command line can be seen by every user of this machine; if it was a secret, change it.'

/** Throws a `CommandError`, which repeats no word that may be a secret. */
export function readCommandLine(words: readonly string[]): Command {
  const { tokens, positionals } = parseArgs({
    ...{ args: [...words], options, strict: false, allowPositionals: true, tokens: true },
  })
  const given = tokens.filter(token => token.kind === 'option')
  for (const { name, rawName, value } of given) {
    // Names the first option only: `-pSECRET` is one option for each letter.
    if (!Object.hasOwn(options, name)) throw new CommandError(`${rawName} means nothing here. ${offer}`)
    if (value !== undefined) throw new CommandError(`${rawName} takes no value.`)
  }
  const chosen = [...new Set(given.map(({ name }) => name as Option))]
  if (chosen.includes('help')) return { name: 'help' }
  const [word, ...others] = positionals
  if (word === undefined) {
    const [option, second] = chosen
    if (second !== undefined) throw new CommandError(`--${option} and --${second} do not go together.`)
    return { name: option ?? 'serve' }
  }
  const command = readWord(word, others)
  if (chosen.length > 0) throw new CommandError(`--${chosen[0]} does not go together with ${word}.`)
  return command
}

function readWord(word: string, others: readonly string[]): Command {
  switch (word) {
    case 'hash-password':
      if (others.length > 0) throw new CommandError(`hash-password takes no secret behind it: ${notTyped}`)
      return { name: word }
    case 'warm': {
      const [jid] = others
      if (jid === undefined)
        throw new CommandError(
          'warm wants the JID of the user to log in: warm-bindings warm alice@example.org',
        )
      if (others.length > 1)
        throw new CommandError(`warm takes a JID, and no password behind it: ${notTyped}`)
      return { name: word, jid }
    }
    default:
      throw new CommandError(`${word} means nothing here. ${offer}`)
  }
}
