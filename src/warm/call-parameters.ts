import { Problem } from '../errors.js'
import { demandFormat } from '../http/body.js'
import { foreignText } from '../lib/foreign-text.js'
import { formPairs } from '../lib/form-pairs.js'
import { memberNames } from '../lib/json-members.js'
import { allowedValues, type ParameterName } from './allowed-values.js'
import { likelyParameter } from './misspelt-names.js'

/**
 * The parameters in a body: strings from a form, any JSON value from an object. A parameter that is empty counts as not
 * given and is not in it, and neither is an option that is `null`.
 */
export type Parameters = ReadonlyMap<ParameterName, unknown>

/**
 * These say which user is logged in, and by what. `null` is no value for them: a backend that lost the user's name, and
 * sends an `authzid` of `null` beside its own account, must not get a session of that account.
 */
const identifying: ReadonlySet<ParameterName> = new Set(['jid', 'password', 'token', 'mechanism', 'authzid'])

/**
 * Reads a form or a flat JSON object. Unknown names are ignored unless they look misspelt. Throws a `Problem`:
 * `unsupported-media-type` for another type or charset, `invalid-body` for what is not in its format, `invalid-parameter`
 * for a known parameter that comes twice or cannot be decoded, and for a misspelt name.
 */
export function readParameters(contentType: string | undefined, body: Uint8Array): Parameters {
  const format = demandFormat(contentType)
  const parameters = new Map<ParameterName, unknown>()
  const seen = new Set<ParameterName>()
  for (const [name, value] of format === 'json' ? readJson(decode(body)) : readForm(decode(body))) {
    if (!isKnown(name)) {
      const meant = likelyParameter(name)
      if (meant === undefined) continue
      throw badParameter(meant, `The body has ${foreignText(name)}, which would not count.`)
    }
    if (seen.has(name)) throw badParameter(name, onlyOnce)
    seen.add(name)
    if (value !== '' && (value !== null || identifying.has(name))) parameters.set(name, value)
  }
  return parameters
}

/** The text of a parameter, undefined where it was not given. Throws a `Problem` for anything but text. */
export function readText(parameters: Parameters, name: ParameterName): string | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  // JSON can spell half a surrogate pair, which no encoding of text can carry.
  if (typeof value !== 'string' || !value.isWellFormed()) throw invalidParameter(name)
  return value
}

export const onlyOnce = 'It may be there once.'
export const brokenEscape = 'A percent escape in it is broken or not UTF-8.'

/** A problem that names a parameter and a rule that it breaks. */
export function badParameter(name: string, rule: string): Problem {
  return new Problem('invalid-parameter', { detail: `Parameter: ${name}. ${rule}` })
}

/** A problem that names a parameter and says what it may be, but never its value: it may be a password in the wrong place. */
export function invalidParameter(name: ParameterName): Problem {
  return badParameter(name, allowedValues[name])
}

/** A problem that names a parameter that is needed. */
export function missingParameter(name: ParameterName): Problem {
  return new Problem('missing-parameter', { detail: `Parameter: ${name}.` })
}

function isKnown(name: string): name is ParameterName {
  return Object.hasOwn(allowedValues, name)
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new Problem('invalid-body', { detail: 'It is not UTF-8.' })
  }
}

function* readForm(text: string): Iterable<readonly [string, unknown]> {
  for (const [name, value] of formPairs(text)) {
    if (name !== undefined && value === undefined && isKnown(name)) throw badParameter(name, brokenEscape)
    if (name === undefined || value === undefined)
      throw new Problem('invalid-body', { detail: 'A percent escape is broken or not UTF-8.' })
    yield [name, value]
  }
}

function* readJson(text: string): Iterable<readonly [string, unknown]> {
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
