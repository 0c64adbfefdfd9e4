import { Problem } from '../errors.js'
import { demandFormat } from '../http/body.js'
import { foreignText } from '../lib/foreign-text.js'
import { formPairs } from '../lib/form-pairs.js'
import { memberNames } from '../lib/json-members.js'
import { likelyParameter } from './misspelt-names.js'
import { badParameter, type Table, type Values } from './parameter-kinds.js'
import { bodyParameters, identifying } from './parameters.js'

/** Reads a parameter of a call: undefined where it was not given. Throws a `Problem` for what is not allowed. */
type Reader<Known extends Table> = <Name extends keyof Known & string>(name: Name) => Values<Known>[Name]

/** Reads the parameters of a body. One that is empty counts as not given, and so does an option that is `null`. */
export type Parameters = Reader<typeof bodyParameters>

/** Those of a body without any. */
export const noParameters: Parameters = () => undefined

/** A name and its value; undefined where a percent escape is broken. */
type Pair = readonly [name: string | undefined, value: unknown]

/**
 * Reads a form or a flat JSON object. Unknown names are ignored unless they look misspelt. Throws a `Problem`:
 * `unsupported-media-type`, `invalid-body`, or `invalid-parameter` for one that comes twice, is misspelt or undecodable.
 */
export function readParameters(contentType: string | undefined, body: Uint8Array): Parameters {
  const format = demandFormat(contentType)
  const text = decode(body)
  const given = collect(format === 'json' ? jsonPairs(text) : formPairs(text), bodyParameters, refuseMisspelt)
  for (const [name, value] of given)
    if (value === '' || (value === null && !identifying.has(name))) given.delete(name)
  return readerOf(given, bodyParameters)
}

/**
 * Reads the query of a URL. Throws a `Problem` `invalid-parameter`, for an unknown name too: a list with a misspelt filter
 * would show, and a logout end, sessions that were not meant.
 */
export function readQuery<Known extends Table>(url: string, table: Known): Values<Known> {
  const start = url.indexOf('?')
  const pairs = formPairs(start === -1 ? '' : url.slice(start + 1))
  const given = collect(pairs, table, () => {
    throw new Problem('invalid-parameter', { detail: `The query may have ${Object.keys(table).join(', ')}.` })
  })
  const read = readerOf(given, table)
  return Object.fromEntries(Object.keys(table).map(name => [name, read(name)])) as Values<Known>
}

function readerOf<Known extends Table>(given: ReadonlyMap<string, unknown>, table: Known): Reader<Known> {
  return <Name extends keyof Known & string>(name: Name) => {
    const value = given.get(name)
    if (value === undefined) return undefined
    const { read, allowed } = table[name]!
    const meant = read(value)
    if (meant === undefined) throw badParameter(name, allowed)
    return meant as Values<Known>[Name]
  }
}

/** The pairs that a table knows, each once. */
function collect<Name extends string>(
  pairs: Iterable<Pair>,
  table: Table<Name>,
  passOver: (...unknown: Pair) => void,
): Map<Name, unknown> {
  const given = new Map<Name, unknown>()
  for (const [written, value] of pairs) {
    if (written === undefined || !Object.hasOwn(table, written)) {
      passOver(written, value)
      continue
    }
    const name = written as Name
    if (value === undefined) throw badParameter(name, 'A percent escape in it is broken or not UTF-8.')
    if (given.has(name)) throw badParameter(name, 'It may be there once.')
    given.set(name, value)
  }
  return given
}

function refuseMisspelt(name: string | undefined, value: unknown): void {
  if (name === undefined || value === undefined)
    throw new Problem('invalid-body', { detail: 'A percent escape is broken or not UTF-8.' })
  const meant = likelyParameter(name)
  if (meant !== undefined)
    throw badParameter(meant, `The body has ${foreignText(name)}, which would not count.`)
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new Problem('invalid-body', { detail: 'It is not UTF-8.' })
  }
}

function* jsonPairs(text: string): Iterable<Pair> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without the cause: its message quotes the text.
    throw new Problem('invalid-body', { detail: 'It is not JSON.' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('invalid-body', { detail: 'The JSON must be an object.' })
  const members = value as Record<string, unknown>
  for (const name of memberNames(text)) yield [name, members[name]]
}
