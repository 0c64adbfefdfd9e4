import { Problem } from '../errors.js'
import { bodyFormat } from '../http/body.js'

/** The parameters that `/warm` knows; any other is ignored. */
export const parameterNames = [
  'jid',
  'password',
  'token',
  'mechanism',
  'authzid',
  'language',
  'lang',
  'wait',
  'hold',
  'ver',
  'expires_in',
  'attach_binding',
  'reuse',
  'csrf_token',
] as const

export type ParameterName = (typeof parameterNames)[number]

/** What a body says, each parameter once: strings from a form, any JSON value from an object. */
export type Parameters = ReadonlyMap<ParameterName, unknown>

/**
 * Reads a form or a flat JSON object. Throws a `Problem`: `unsupported-media-type` for another type or charset,
 * `invalid-body` for what is not in its format, `invalid-parameter` for a known parameter that comes twice or cannot be
 * decoded.
 */
export function readParameters(contentType: string | undefined, body: Uint8Array): Parameters {
  const format = bodyFormat(contentType)
  if (format === undefined) throw new Problem('unsupported-media-type')
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType ?? '')?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new Problem('unsupported-media-type', { detail: 'The charset must be UTF-8.' })
  }
  const parameters = new Map<ParameterName, unknown>()
  for (const [name, value] of format === 'json' ? readJson(decode(body)) : readForm(decode(body))) {
    if (!isKnown(name)) continue
    if (parameters.has(name)) throw invalidParameter(name)
    parameters.set(name, value)
  }
  return parameters
}

/** The text of a parameter, undefined where it was not sent. Throws a `Problem` for anything but text. */
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

/** A problem that names the parameter, but never its value: it may be a password in the wrong place. */
export function invalidParameter(name: ParameterName): Problem {
  return new Problem('invalid-parameter', { detail: `Parameter: ${name}.` })
}

function isKnown(name: string): name is ParameterName {
  return parameterNames.some(each => each === name)
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
    if (name !== undefined && value === undefined && isKnown(name)) throw invalidParameter(name)
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

/** The names of an object's own members, in order. The text must have passed `JSON.parse`, which hides repetitions. */
function memberNames(text: string): string[] {
  const names: string[] = []
  let depth = 0
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (string !== undefined && colon !== undefined && depth === 1) names.push(JSON.parse(string))
  }
  return names
}
