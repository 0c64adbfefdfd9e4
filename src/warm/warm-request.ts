import { switches } from '../config/kinds.js'
import { settings } from '../config/settings.js'
import type { AttachBinding, Handover } from '../session/sessions.js'
import { longestAttach, longestLanguage, type ParameterName, shortestAttach } from './allowed-values.js'
import type { WarmRequest } from './binding.js'
import { invalidParameter, type Parameters, readText } from './call-parameters.js'
import { type PasswordlessWays, readCredentials } from './credentials.js'

/** Defaults and limits of what a call may ask for. Times are in seconds. */
export interface WarmDefaults {
  readonly maxWait: number
  readonly defaultHold: number
  /** Requests that a session may have open at once. */
  readonly maxRequests: number
  readonly attachTimeout: number
  readonly attachBinding: AttachBinding
  readonly passwordless: PasswordlessWays
  /** Whether the sessions of a domain live at a remote endpoint. */
  readonly isElsewhere?: (domain: string) => boolean
}

/** Defaults that have no setting. */
const defaultWait = 60
const defaultVersion = '1.6'
const defaultLanguage = 'en'

/** What the protocol can express (XEP-0124 §22): a remote endpoint has limits of its own. */
const widestLimits = { maxWait: 65535, maxRequests: 256 }

/** A language tag (RFC 5646 §2.1), with those of its irregular tags that are still registered under "i". */
export const languageTag =
  /^(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?|x(?:-[a-z\d]{1,8})+|i-[a-z]{2,8})$/i

/**
 * What the parameters of a warm call ask for. Throws a `Problem`; its detail names the parameter and never its value.
 * `wait` and `hold` above their limits count as those.
 */
export function toWarmRequest(parameters: Parameters, defaults: WarmDefaults): WarmRequest {
  const { jid, credentials } = readCredentials(parameters, defaults.passwordless)
  const isElsewhere = defaults.isElsewhere?.(jid.domain) === true
  const limits = isElsewhere ? widestLimits : defaults
  const hold = clampHold(readInteger(parameters, 'hold') ?? defaults.defaultHold, limits)
  return {
    jid,
    credentials,
    language: readLanguage(parameters),
    wait: clampWait(readInteger(parameters, 'wait') ?? defaultWait, limits),
    // Not every endpoint answers clients that poll.
    hold: isElsewhere ? Math.max(hold, 1) : hold,
    ver: readVersion(parameters),
    attachSeconds: readAttachSeconds(parameters) ?? defaults.attachTimeout,
    attachBinding: isElsewhere
      ? refuseAttachBinding(parameters)
      : (readAttachBinding(parameters) ?? defaults.attachBinding),
  }
}

/** A remote endpoint does not bind sessions to browsers, and a caller that asks for it must be told so. */
function refuseAttachBinding(parameters: Parameters): 'off' {
  const asked = readAttachBinding(parameters) ?? 'off'
  if (asked !== 'off') throw invalidParameter('attach_binding')
  return 'off'
}

/** How a session that is resumed waits for its page. Throws a `Problem`, as above. */
export function toHandover(
  parameters: Parameters,
  { attachTimeout, attachBinding }: Pick<WarmDefaults, 'attachTimeout' | 'attachBinding'>,
): Handover {
  return {
    seconds: readAttachSeconds(parameters) ?? attachTimeout,
    attachBinding: readAttachBinding(parameters) ?? attachBinding,
  }
}

/** Whether a session of the user that has no page may be reused. Throws a `Problem`, as above. */
export function readReuse(parameters: Parameters): boolean {
  const value = parameters.get('reuse')
  if (value === undefined) return false
  const reuse = typeof value === 'string' ? switches.get(value.toLowerCase()) : value
  if (typeof reuse !== 'boolean') throw invalidParameter('reuse')
  return reuse
}

/** What a call without options asks for, to fill the form with. */
export function usualOptions(
  defaults: Pick<WarmDefaults, 'maxWait' | 'defaultHold' | 'maxRequests'>,
): Pick<WarmRequest, 'language' | 'wait' | 'hold' | 'ver'> {
  return {
    language: defaultLanguage,
    wait: clampWait(defaultWait, defaults),
    hold: clampHold(defaults.defaultHold, defaults),
    ver: defaultVersion,
  }
}

function clampWait(seconds: number, { maxWait }: Pick<WarmDefaults, 'maxWait'>): number {
  return Math.min(seconds, maxWait)
}

/** One request less than may be open: while all were held, the client could not send. */
function clampHold(hold: number, { maxRequests }: Pick<WarmDefaults, 'maxRequests'>): number {
  return Math.min(hold, maxRequests - 1)
}

/** `language` is the documented name and wins over `lang`, which must be right all the same. */
function readLanguage(parameters: Parameters): string {
  const [language, lang] = (['language', 'lang'] as const).map(name => {
    const tag = readText(parameters, name)
    if (tag !== undefined && (tag.length > longestLanguage || !languageTag.test(tag))) {
      throw invalidParameter(name)
    }
    return tag
  })
  return language ?? lang ?? defaultLanguage
}

/** A number in JSON, digits in a form or a JSON string; infinite beyond the largest number. */
function readInteger(parameters: Parameters, name: ParameterName): number | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && number >= 0 && (Number.isInteger(number) || number === Infinity))
    return number
  throw invalidParameter(name)
}

/**
 * Major and minor are integers of their own: 1.10 is newer than 1.6 (XEP-0124 §7.1). A JSON number is accepted too,
 * though it cannot tell 1.10 from 1.1.
 */
function readVersion(parameters: Parameters): string {
  const value = parameters.get('ver')
  const version = typeof value === 'number' ? writeNumber(value) : readText(parameters, 'ver')
  if (version === undefined) return defaultVersion
  const [, major, minor] = /^(\d{1,5})\.(\d{1,5})$/.exec(version) ?? []
  if (major === undefined || minor === undefined) throw invalidParameter('ver')
  return `${Number(major)}.${Number(minor)}`
}

/** JSON writes 1.0 and 1 alike. */
function writeNumber(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

function readAttachSeconds(parameters: Parameters): number | undefined {
  const seconds = readInteger(parameters, 'expires_in')
  if (seconds !== undefined && (seconds < shortestAttach || seconds > longestAttach)) {
    throw invalidParameter('expires_in')
  }
  return seconds
}

function readAttachBinding(parameters: Parameters): AttachBinding | undefined {
  const text = readText(parameters, 'attach_binding')
  if (text === undefined) return undefined
  const way = settings.ATTACH_BINDING.kind.words.find(word => word === text)
  if (way === undefined) throw invalidParameter('attach_binding')
  return way
}
