import { parseArgs } from 'node:util'
import { UsageError } from './command-error.js'

export interface Command {
  readonly name: 'serve' | 'demo' | 'check-config' | 'warm' | 'token' | 'hash-password' | 'help' | 'version'
  /** Of `warm`. */
  readonly jid?: string | undefined
  readonly envFile?: string | undefined
}

const options = {
  'check-config': { type: 'boolean' },
  demo: { type: 'boolean' },
  'env-file': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

const notTyped =
  'it is prompted for, or read from standard input. All users of this machine can read arguments. If this was a secret, change it.'

/** Throws a `UsageError`, which quotes no word that may be secret. */
export function readCommandLine(args: readonly string[]): Command {
  const { tokens, positionals } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true })
  const flags = new Set<Command['name']>()
  let envFile: string | undefined
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    // `rawName` of `-pSECRET` is `-p`, so the message does not show SECRET, which may be a password.
    if (!Object.hasOwn(options, name)) throw new UsageError(`Unknown option ${rawName}.`)
    if (name === 'env-file') {
      if (!value) throw new UsageError('--env-file needs the path of a file.')
      envFile = value
    } else if (value !== undefined) throw new UsageError(`${rawName} accepts no value.`)
    else flags.add(name as Command['name'])
  }
  const [word, ...others] = positionals
  if (flags.has('help') || word === 'help') return { name: 'help' }
  const [flag = 'serve', second] = flags
  if (second !== undefined) throw new UsageError(`--${flag} and --${second} exclude each other.`)
  if (word === undefined) return { name: flag, envFile }
  const command = readWord(word, others)
  if (flags.size > 0) throw new UsageError(`--${flag} and ${word} exclude each other.`)
  return { ...command, envFile }
}

function readWord(word: string, others: readonly string[]): Command {
  if (word === 'hash-password' || word === 'token') {
    const secret = word === 'token' ? 'token' : 'secret'
    if (others.length > 0) throw new UsageError(`Do not pass the ${secret} as an argument: ${notTyped}`)
    return { name: word }
  }
  if (word !== 'warm') throw new UsageError(`Unknown command ${word}.`)
  const [jid] = others
  if (jid === undefined) throw new UsageError('warm needs the JID of the user: warm-bindings warm alice@example.org')
  if (others.length > 1) throw new UsageError(`Do not pass the password as an argument: ${notTyped}`)
  return { name: word, jid }
}
