import { Problem } from '../errors.js'
import type { AttachBinding } from '../sessions.js'
import type { Jid, WarmRequest } from './binding.js'
import { parseJid } from './jid.js'
import { invalidParameter, type ParameterName, type Parameters } from './parameters.js'

/** What holds where a request says nothing, and how far it may go. Times are in seconds. */
export interface WarmDefaults {
  readonly maxWait: number
  readonly defaultHold: number
  /** Requests that a session may have open at once. */
  readonly maxRequests: number
  readonly attachTimeout: number
  readonly attachBinding: AttachBinding
}

/** What a request that does not say otherwise asks for. */
const defaultWait = 60
const defaultVersion = '1.6'
const defaultLanguage = 'en'

/** Longest password, in octets. */
const longestPassword = 1024
/** Longest language tag, in characters. */
const longestLanguage = 255
const shortestAttach = 5
const longestAttach = 600

// RFC 5646 §2.1, with those of its irregular tags that are still registered under "i".
const languageTag =
  /^(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?|x(?:-[a-z\d]{1,8})+|i-[a-z]{2,8})$/i

/**
 * What the parameters of a warm call ask for. Throws a `Problem`, whose detail names the parameter and never its value.
 * `wait` and `hold` above the limits are brought down to them.
 */
export function toWarmRequest(parameters: Parameters, defaults: WarmDefaults): WarmRequest {
  const jid = required(parameters, 'jid')
  const password = required(parameters, 'password')
  return {
    jid: readJid(jid),
    password: readPassword(password),
    language: readLanguage(parameters),
    wait: clampWait(readInteger(parameters, 'wait') ?? defaultWait, defaults),
    hold: clampHold(readInteger(parameters, 'hold') ?? defaults.defaultHold, defaults),
    ver: readVersion(parameters),
    attachSeconds: readAttachSeconds(parameters) ?? defaults.attachTimeout,
    attachBinding: readAttachBinding(parameters) ?? defaults.attachBinding,
  }
}

/** What an empty request would ask for, to fill a form with. */
export function usualOptions(
  defaults: WarmDefaults,
): Pick<WarmRequest, 'language' | 'wait' | 'hold' | 'ver'> {
  return {
    language: defaultLanguage,
    wait: clampWait(defaultWait, defaults),
    hold: clampHold(defaults.defaultHold, defaults),
    ver: defaultVersion,
  }
}

function clampWait(seconds: number, { maxWait }: WarmDefaults): number {
  return Math.min(seconds, maxWait)
}

/** One of the requests that may be open is kept free: without it the client could not send while all are held. */
function clampHold(hold: number, { maxRequests }: WarmDefaults): number {
  return Math.min(hold, maxRequests - 1)
}

function required(parameters: Parameters, name: ParameterName): string {
  const value = parameters.get(name)
  if (value === undefined || value === '') {
    throw new Problem('missing-parameter', { detail: `Parameter: ${name}.` })
  }
  return asText(name, value)
}

function optional(parameters: Parameters, name: ParameterName): string | undefined {
  const value = parameters.get(name)
  return value === undefined ? undefined : asText(name, value)
}

/** JSON can spell half a surrogate pair, which no encoding of text can carry. */
function asText(name: ParameterName, value: unknown): string {
  if (typeof value !== 'string' || !value.isWellFormed()) throw invalidParameter(name)
  return value
}

function readJid(text: string): Jid {
  const jid = parseJid(text)
  if (jid === undefined) throw new Problem('invalid-jid')
  return jid
}

/** Takes the password as it is; which characters are fit for it is a matter of the SASL mechanism. */
function readPassword(text: string): string {
  // NUL ends a field of SASL PLAIN (RFC 4616 §2), so no password has one.
  if (text.includes('\0') || Buffer.byteLength(text) > longestPassword) throw invalidParameter('password')
  return text
}

/** `language` is the documented name and wins over `lang`, but a broken alias is not overlooked. */
function readLanguage(parameters: Parameters): string {
  const [language, lang] = (['language', 'lang'] as const).map(name => {
    const tag = optional(parameters, name)
    if (tag !== undefined && (tag.length > longestLanguage || !languageTag.test(tag))) {
      throw invalidParameter(name)
    }
    return tag
  })
  return language ?? lang ?? defaultLanguage
}

/** A number in JSON, digits in a form or a JSON string. */
function readInteger(parameters: Parameters, name: ParameterName): number | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalidParameter(name)
}

/** Major and minor are integers of their own: 1.10 is newer than 1.6 (XEP-0124 §7.1), and no JSON number can say so. */
function readVersion(parameters: Parameters): string {
  const version = optional(parameters, 'ver')
  if (version === undefined) return defaultVersion
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})$/.exec(version) ?? []
  if (major === undefined || minor === undefined) throw invalidParameter('ver')
  return `${Number(major)}.${Number(minor)}`
}

function readAttachSeconds(parameters: Parameters): number | undefined {
  const seconds = readInteger(parameters, 'expires_in')
  if (seconds !== undefined && (seconds < shortestAttach || seconds > longestAttach)) {
    throw invalidParameter('expires_in')
  }
  return seconds
}

function readAttachBinding(parameters: Parameters): AttachBinding | undefined {
  const way = optional(parameters, 'attach_binding')
  if (way === undefined || way === 'off' || way === 'cookie' || way === 'reply') return way
  throw invalidParameter('attach_binding')
}
