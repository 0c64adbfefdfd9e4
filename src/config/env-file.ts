import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { ConfigError } from './load.js'
import { mayShow } from './unknown-names.js'

/**
 * Reads as Node does. `isAgain`: a pipe was read before, and would be empty or block. Throws a `ConfigError` with all
 * faulty lines.
 */
export function readEnvFile(file: string, mustExist = false, isAgain = false) {
  const lines = readLines(file, mustExist, isAgain)
  const values: Record<string, string> = {}
  /** The line of each name. */
  const places = new Map<string, number>()
  const problems: string[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!.trim()
    if (line === '' || line.startsWith('#')) continue
    const [, name, value] = /^(?:export\s+)?([^\s=]+)\s*=(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      problems.push(`${file} line ${at + 1} is neither like NAME=value nor a comment, which begins with #`)
      continue
    }
    const text = value.trim()
    const quote = /^["'`]/.exec(text)?.[0]
    const isOneLine = quote === undefined || text.includes(quote, 1)
    const end = isOneLine ? at : lines.findIndex((line, index) => index > at && line.includes(quote))
    const fault = (problem: string) => problems.push(`${file} line ${at + 1} ${problem}`)
    if (Object.hasOwn(values, name)) fault(`has ${mayShow(name) ? name : 'its name'} for the second time`)
    else if (end === -1) fault(`has a quote that does not close (${quote})`)
    else if (quote !== undefined && isCut(isOneLine ? text.slice(1) : lines[end]!, quote))
      fault(
        `has text after the quote that closes (${quote}), which would be lost: use another of " ' \` around the value`,
      )
    else if (quote === undefined && /^[^#]*[^#\s]#/.test(text))
      fault('has a # that would end the value: put the value in quotes, or a space before a comment')
    const last = Math.max(end, at)
    const written = [value.trimStart(), ...lines.slice(at + 1, last + 1)].join('\n')
    // Each value is parsed alone, because `parseEnv` would read an indented comment as part of a name.
    places.set(name, at + 1)
    values[name] = parseEnv(`NAME=${written}\n`)['NAME'] ?? ''
    at = last
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { values, places }
}

/** Node.js ignores what follows the second quote. */
const isCut = (text: string, quote: string) => !/^\s*(?:#|$)/.test(text.slice(text.indexOf(quote) + 1))

function readLines(file: string, mustExist: boolean, isAgain: boolean): string[] {
  try {
    if (isAgain && statSync(file).isFIFO()) throw Object.assign(new Error(), { code: pipe })
    return readFileSync(file, 'utf8')
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !mustExist) return []
    const name = code === 'ENOENT' ? resolve(file) : file
    throw new ConfigError([`${name} cannot be read (${code})${advice[code ?? ''] ?? ''}`])
  }
}

const pipe = 'it is a pipe'

const advice: Readonly<Record<string, string>> = {
  ENOENT: ': there is no such file. Correct the path, or create the file',
  EACCES:
    ': this user may not read it, or enter its folder. Run the command as the user of the service, or change the permissions',
  EISDIR: ': it is a folder. Name a file in it',
  [pipe]: ', which can be read only once. Restart the service',
}
