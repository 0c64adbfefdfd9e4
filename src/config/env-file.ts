import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError } from './load.js'

/**
 * Reads a file of `NAME=value` lines as Node.js does, values in quotes over several lines too; none where there is no such
 * file. Throws a `ConfigError` that names each line which is neither that nor a comment, or whose value would be cut off.
 */
export function readEnvFile(file: string): Record<string, string> {
  const lines = readLines(file)
  const values: Record<string, string> = {}
  const problems: string[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!.trim()
    if (line === '' || line.startsWith('#')) continue
    const [, name, value] = /^(?:export\s+)?([^\s=]+)\s*=(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      problems.push(`${file} line ${at + 1} is neither like NAME=value nor a comment, which begins with #`)
      continue
    }
    const problem = Object.hasOwn(values, name)
      ? `has ${name} for the second time`
      : faultOf(value.trim(), lines, at)
    if (problem !== undefined) problems.push(`${file} line ${at + 1} ${problem}`)
    const last = lastLineOf(value.trim(), lines, at)
    const text = [value.trimStart(), ...lines.slice(at + 1, last + 1)].join('\n')
    // One at a time: it would take what stands before a name, such as an indented comment, for a part of the name.
    values[name] = parseEnv(`NAME=${text}\n`)['NAME'] ?? ''
    at = last
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values
}

/** What is wrong with a value that Node.js would cut off, or take for another, without a word. */
function faultOf(value: string, lines: readonly string[], at: number): string | undefined {
  const quote = openingQuote(value)
  if (quote === undefined) {
    const sign = value.indexOf('#')
    const isCut = sign > 0 && value[sign - 1]!.trim() !== ''
    return isCut
      ? 'has a # that would end the value: put the value in quotes, or a space before a comment'
      : undefined
  }
  const isClosed = value.includes(quote, 1) || lastLineOf(value, lines, at) > at
  return isClosed ? undefined : `has a quote that does not close (${quote})`
}

function openingQuote(value: string): string | undefined {
  return /^["'`]/.exec(value)?.[0]
}

function readLines(file: string): string[] {
  try {
    const text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '')
    return text.split(/\r?\n/)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw new ConfigError([`${file} is there, but cannot be read (${code})`])
  }
}

/** Where a value ends that begins in a line: in the same one unless it is in quotes, which may close further down. */
function lastLineOf(value: string, lines: readonly string[], at: number): number {
  const quote = openingQuote(value)
  if (quote === undefined || value.includes(quote, 1)) return at
  const closing = lines.findIndex((line, index) => index > at && line.includes(quote))
  return closing === -1 ? at : closing
}
