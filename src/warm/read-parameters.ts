import { demandFormat } from '../http/bodies/read-body.js'
import { attempt } from '../lib/attempt.js'
import { Problem } from '../lib/errors.js'
import { foreignText } from '../lib/text/foreign-text.js'
import { formPairs } from '../lib/text/form-pairs.js'
import { memberNames } from '../lib/text/json-members.js'
import { editDistance, lettersOf } from '../lib/text/similar-words.js'
import { badParameter, missingParameter, type Table, type Values } from './parameter-kinds.js'
import { bodyParameters, identifying, type ParameterName, parameterNames } from './parameters.js'

type Place = 'form' | 'json' | 'query'

type Pair = readonly [name: string | undefined, value: unknown]

export type Parameters = Partial<Values<typeof bodyParameters>>

type Given = ReadonlyMap<string, unknown>

/** The values of a body, which are not checked. */
export function givenIn(contentType: string | undefined, body: Uint8Array): Given {
  const format = demandFormat(contentType)
  return collect(pairsIn(format, body), bodyParameters, format)
}

/**
 * Parameters that are empty or `null` count as absent. `identifying` parameters do so only if they are empty in the
 * service's own form.
 */
export function parametersIn(given: Given, sentForm = false): Parameters {
  const isAbsent = (value: unknown, name: string) => {
    if (!identifying.has(name)) return value === '' || value === null
    if (value === '' && !sentForm)
      throw missingParameter(name, 'It is empty. Fill it in, or leave it out where the call needs none.')
    return value === ''
  }
  return valuesIn(given, bodyParameters, isAbsent)
}

export const readParameters = (contentType: string | undefined, body: Uint8Array) =>
  parametersIn(givenIn(contentType, body))

export function readFew<Known extends Table>(contentType: string | undefined, body: Uint8Array, table: Known) {
  if (body.length === 0) return valuesOf([], table, 'json')
  const format = demandFormat(contentType)
  return valuesOf(pairsIn(format, body), table, format, value => value === '' || value === null)
}

export const queryOf = (url: string): string => (url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')

/** Throws a `Problem` if a name is unknown: a logout with a misspelt filter would end the wrong sessions. */
export function readQuery<Known extends Table>(url: string, table: Known, { sentForm = false } = {}): Values<Known> {
  return valuesOf(formPairs(queryOf(url)), table, 'query', value => sentForm && value === '')
}

export const valuesOf = <Known extends Table>(
  pairs: Iterable<Pair>,
  table: Known,
  place: Place,
  isAbsent?: (value: unknown) => boolean,
): Values<Known> => valuesIn(collect(pairs, table, place), table, isAbsent)

function valuesIn<Known extends Table>(
  given: Given,
  table: Known,
  isAbsent: (value: unknown, name: string) => boolean = () => false,
): Values<Known> {
  const read = ([name, { read, allowed }]: readonly [string, Table[string]]) => {
    const value = given.get(name)
    if (value === undefined || isAbsent(value, name)) return [name, undefined]
    const meant = read(value)
    if (meant === undefined) throw badParameter(name, allowed)
    return [name, meant]
  }
  return Object.fromEntries(Object.entries(table).map(read)) as Values<Known>
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
  const text = attempt(() => new TextDecoder('utf-8', { fatal: true }).decode(body))
  if (text === undefined) throw new Problem('invalid-body', { detail: 'It is not UTF-8.' })
  return format === 'json' ? jsonPairs(text) : formPairs(text)
}

function* jsonPairs(text: string): Iterable<Pair> {
  // Without a cause, because the message of `JSON.parse` quotes the text.
  const value: unknown = attempt(() => JSON.parse(text))
  if (value === undefined) throw new Problem('invalid-body', { detail: 'It is not JSON.' })
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
