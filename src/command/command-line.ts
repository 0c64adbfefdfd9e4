import { parseArgs } from 'node:util'
import { UsageError } from './command-error.js'

export type Command =
  | { readonly name: 'demo' | 'hash-password' | 'help' | 'version' }
  | { readonly name: 'serve' | 'check-config'; readonly envFile: string | undefined }
  | { readonly name: 'warm'; readonly jid: string; readonly envFile: string | undefined }

const options = {
  'check-config': { type: 'boolean' },
  demo: { type: 'boolean' },
  'env-file': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

type Option = Exclude<keyof typeof options, 'env-file'>

const notTyped =
  'it is prompted for, or read from standard input. All users of this machine can read arguments. If this was a secret, change it.'

/** Throws a `UsageError`, which quotes no word that may be secret. */
export function readCommandLine(words: readonly string[]): Command {
  const { tokens, positionals } = parseArgs({
    args: words,
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = tokens.filter(token => token.kind === 'option')
  for (const { name, rawName, value } of given) {
    // `rawName` of `-pSECRET` is `-p`, so the message does not show SECRET, which may be a password.
    if (!Object.hasOwn(options, name)) throw new UsageError(`Unknown option ${rawName}.`)
    if (name !== 'env-file') {
      if (value !== undefined) throw new UsageError(`${rawName} accepts no value.`)
    } else if (!value) throw new UsageError('--env-file needs the path of a file.')
  }
  const files = given.filter(({ name }) => name === 'env-file').map(({ value }) => value)
  if (files.length > 1) throw new UsageError('--env-file can be given only once.')
  const [envFile] = files
  const flags = given.filter(({ name }) => name !== 'env-file')
  const chosen = [...new Set(flags.map(({ name }) => name as Option))]
  if (chosen.includes('help')) return { name: 'help' }
  const [word, ...others] = positionals
  if (word === 'help') return { name: word }
  if (word === undefined) {
    const [option, second] = chosen
    if (second !== undefined) throw new UsageError(`--${option} and --${second} exclude each other.`)
    return withFile({ name: option ?? 'serve' }, envFile)
  }
  const command = withFile(readWord(word, others), envFile)
  if (chosen.length > 0) throw new UsageError(`--${chosen[0]} and ${word} exclude each other.`)
  return command
}

type WithoutFile = { readonly name: Command['name']; readonly jid?: string }

function withFile(command: WithoutFile, envFile: string | undefined): Command {
  const { name } = command
  if (name === 'serve' || name === 'check-config') return { name, envFile }
  if (name === 'warm') return { name, jid: command.jid!, envFile }
  if (envFile !== undefined && name !== 'help' && name !== 'version')
    throw new UsageError(`--env-file and ${name === 'demo' ? '--demo' : name} exclude each other.`)
  return { name }
}

function readWord(word: string, others: readonly string[]): WithoutFile {
  switch (word) {
    case 'hash-password':
      if (others.length > 0) throw new UsageError(`Do not pass the secret as an argument: ${notTyped}`)
      return { name: word }
    case 'warm': {
      const [jid] = others
      if (jid === undefined)
        throw new UsageError('warm needs the JID of the user: warm-bindings warm alice@example.org')
      if (others.length > 1) throw new UsageError(`Do not pass the password as an argument: ${notTyped}`)
      return { name: word, jid }
    }
    default:
      throw new UsageError(`Unknown command ${word}.`)
  }
}
