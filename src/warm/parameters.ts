import { Problem } from '../errors.js'
import { demandFormat } from '../http/body.js'
import { foreignText } from '../lib/foreign-text.js'
import { allowedValues, type ParameterName } from './allowed-values.js'
import { memberNames } from './member-names.js'
import { nearName } from './near-names.js'

/**
 * What a body says, each parameter once: strings from a form, any JSON value from an object. What is empty is not given,
 * and not in it; nor is an option that is `null`.
 */
export type Parameters = ReadonlyMap<ParameterName, unknown>

/**
 * Who is to be logged in, and by what. `null` stands for none of them: a backend that lost the user's name, and sends an
 * `authzid` of `null` beside its own account, must not get a session of that account.
 */
const identifying: ReadonlySet<ParameterName> = new Set(['jid', 'password', 'token', 'mechanism', 'authzid'])

/**
 * Reads a form or a flat JSON object; names that are not known are passed over. Throws a `Problem`:
 * `unsupported-media-type` for another type or charset, `invalid-body` for what is not in its format, `invalid-parameter`
 * for a known parameter that comes twice or cannot be decoded, and for a name that is nearly one of ours.
 */
export function readParameters(contentType: string | undefined, body: Uint8Array): Parameters {
  const format = demandFormat(contentType)
  const parameters = new Map<ParameterName, unknown>()
  const seen = new Set<ParameterName>()
  for (const [name, value] of format === 'json' ? readJson(decode(body)) : readForm(decode(body))) {
    if (!isKnown(name)) {
      const meant = nearName(name)
      if (meant !== undefined) throw unknownParameter(name, meant)
      continue
    }
    if (seen.has(name)) throw invalidParameter(name, 'It may be there once.')
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

/** A problem that names the parameter that is needed. */
export function missingParameter(name: ParameterName): Problem {
  return new Problem('missing-parameter', { detail: `Parameter: ${name}.` })
}

/** A problem that names the parameter and says what it may be, but never its value: it may be a password in the wrong place. */
export function invalidParameter(name: ParameterName, rule: string = allowedValues[name]): Problem {
  return new Problem('invalid-parameter', { detail: `Parameter: ${name}. ${rule}` })
}

/** A problem that names the parameter which was meant, beside what was written, which is nearly the same. */
function unknownParameter(written: string, meant: ParameterName): Problem {
  return new Problem('invalid-parameter', {
    detail: `Parameter: ${meant}. The body has ${foreignText(written)}, which would not count.`,
  })
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

/**
 * Yields a form's pairs. Stricter than the WHATWG's parser, which turns broken escapes into other characters: a
 * password changed in silence fails with the wrong error.
 */
function* readForm(text: string): Iterable<[string, unknown]> {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeEscapes(equals === -1 ? pair : pair.slice(0, equals))
    const value = decodeEscapes(equals === -1 ? '' : pair.slice(equals + 1))
    if (name !== undefined && value === undefined && isKnown(name))
      throw invalidParameter(name, 'A percent escape in it is broken or not UTF-8.')
    if (name === undefined || value === undefined) {
      throw new Problem('invalid-body', { detail: 'A percent escape is broken or not UTF-8.' })
    }
    yield [name, value]
  }
}

function decodeEscapes(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** Yields an object's members as they stand in the text, so that a repeated name comes twice. */
function* readJson(text: string): Iterable<[string, unknown]> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without the cause: its message quotes the text.
    throw new Problem('invalid-body', { detail: 'It is not JSON.' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem('invalid-body', { detail: 'The JSON must be an object.' })
  }
  const members = value as Record<string, unknown>
  for (const name of memberNames(text)) yield [name, members[name]]
}
