import { demandFormat } from '../http/bodies/read-body.js'
import { Problem } from '../lib/errors.js'
import { foreignText } from '../lib/text/foreign-text.js'
import { formPairs } from '../lib/text/form-pairs.js'
import { memberNames } from '../lib/text/json-members.js'
import { editDistance, lettersOf } from '../lib/text/similar-words.js'
import { badParameter, emptyParameter, type Table, type Values } from './parameter-kinds.js'
import { bodyParameters, identifying, type ParameterName, parameterNames } from './parameters.js'

/** Returns undefined if the parameter is absent. Throws a `Problem` if its value is not allowed. */
type Reader<Known extends Table> = <Name extends keyof Known & string>(name: Name) => Values<Known>[Name]

/**
 * Parameters that are empty or `null` count as absent. `identifying` parameters do so only if they are empty in the
 * service's own form.
 */
export type Parameters = Reader<typeof bodyParameters>

export const noParameters: Parameters = () => undefined

type Place = 'form' | 'json' | 'query'

type Pair = readonly [name: string | undefined, value: unknown]

export function readParameters(
  contentType: string | undefined,
  body: Uint8Array,
  { sentForm = false } = {},
): Parameters {
  const format = demandFormat(contentType)
  const given = collect(pairsIn(format, body), bodyParameters, format)
  for (const [name, value] of given)
    if (identifying.has(name) ? sentForm && value === '' : value === '' || value === null) given.delete(name)
  const read = readerOf(given, bodyParameters)
  return name => {
    if (given.get(name) === '') throw emptyParameter(name)
    return read(name)
  }
}

export function readFew<Known extends Table>(
  contentType: string | undefined,
  body: Uint8Array,
  table: Known,
): Values<Known> {
  if (body.length === 0) return valuesOf([], table, 'json')
  const format = demandFormat(contentType)
  return valuesOf(pairsIn(format, body), table, format, value => value === '' || value === null)
}

export const parametersOf = (given: ReadonlyMap<ParameterName, unknown>): Parameters => readerOf(given, bodyParameters)

export const queryOf = (url: string): string => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')

/** Throws a `Problem` if a name is unknown: a logout with a misspelt filter would end the wrong sessions. */
export function readQuery<Known extends Table>(url: string, table: Known, { sentForm = false } = {}): Values<Known> {
  return valuesOf(formPairs(queryOf(url)), table, 'query', value => sentForm && value === '')
}

export function valuesOf<Known extends Table>(
  pairs: Iterable<Pair>,
  table: Known,
  place: Place,
  isAbsent: (value: unknown) => boolean = () => false,
): Values<Known> {
  const given = collect(pairs, table, place)
  for (const [name, value] of given) if (isAbsent(value)) given.delete(name)
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

function collect<Name extends string>(pairs: Iterable<Pair>, table: Table<Name>, place: Place): Map<Name, unknown> {
  const given = new Map<Name, unknown>()
  let before: string | undefined
  for (const pair of pairs) {
    const [written, value] = pair
    if (written === undefined || !Object.hasOwn(table, written)) throw unknownParameter(pair, before, table, place)
    before = written
    const name = written as Name
    if (value === undefined) throw badParameter(name, 'A percent escape in it is broken or not UTF-8.')
    if (given.has(name)) throw badParameter(name, 'It must not be repeated.')
    given.set(name, value)
  }
  return given
}

const secrets: ReadonlySet<string> = new Set<ParameterName>(['password', 'token', 'credential'])

/** Errors quote only names of this form, or similar to a parameter: other text may be a misplaced secret. */
const isName = /^[a-z_]{1,40}$/i

function unknownParameter([name, value]: Pair, before: string | undefined, table: Table, place: Place): Problem {
  if (name === undefined || value === undefined) {
    const code = place === 'query' ? 'invalid-parameter' : 'invalid-body'
    return new Problem(code, { detail: 'A percent escape is broken or not UTF-8.' })
  }
  const names = Object.keys(table).filter(name => name !== 'csrf_token')
  const allowed = `The ${place === 'query' ? 'query' : 'body'} can have ${names.join(', ') || 'no parameter'}.`
  const meant = table === bodyParameters ? likelyParameter(name) : undefined
  if (meant !== undefined) return badParameter(meant, `The body has ${foreignText(name)}, which looks misspelt.`)
  // The rest of a secret after an unescaped `&` looks like a name, mostly without a value.
  if (place === 'form' && secrets.has(before ?? '') && !(isName.test(name) && value !== ''))
    return new Problem('invalid-parameter', {
      detail: `An unknown parameter follows ${before}: forms write & in a value as %26. ${allowed}`,
    })
  if (!isName.test(name)) return new Problem('invalid-parameter', { detail: `A parameter is unknown. ${allowed}` })
  return new Problem('invalid-parameter', { detail: allowed, quote: `Parameter: ${name}.` })
}

function pairsIn(format: 'form' | 'json', body: Uint8Array): Iterable<Pair> {
  const text = decode(body)
  return format === 'json' ? jsonPairs(text) : formPairs(text)
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
    // Without a cause, because the message of `JSON.parse` quotes the text.
    throw new Problem('invalid-body', { detail: 'It is not JSON.' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('invalid-body', { detail: 'The JSON must be an object.' })
  const members = value as Record<string, unknown>
  for (const name of memberNames(text)) yield [name, members[name]]
}

/** Shorter names are too similar to other words. */
const longEnough = 5

const spelt = parameterNames.filter(name => name !== 'csrf_token')
const byFoldedName = new Map(spelt.map(name => [lettersOf(name), name]))
const longest = Math.max(...spelt.map(name => name.length)) + 1

function likelyParameter(name: string): ParameterName | undefined {
  if (name.length > longest) return undefined
  const text = lettersOf(name.toLowerCase())
  const same = byFoldedName.get(text)
  if (same !== undefined) return same
  for (const [other, parameter] of byFoldedName)
    if (other.length >= longEnough && editDistance(text, other) <= 1) return parameter
  return undefined
}
