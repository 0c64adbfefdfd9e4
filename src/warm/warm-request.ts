import type { Config } from '../config/config.js'
import type { Handover } from '../session/sessions.js'
import { noParameters, type Parameters } from './call-parameters.js'
import { type PasswordlessWays, readCredentials } from './credentials.js'
import { invalidParameter } from './parameters.js'
import type { WarmRequest } from './session-login.js'

/** Defaults and limits of what a call may ask for. Times are in seconds. */
export interface WarmDefaults
  extends OptionLimits,
    Pick<Config['bosh'], 'attachBinding'>,
    Pick<Config['warm'], 'attachTimeout'> {
  readonly passwordless: PasswordlessWays
  /** Whether the sessions of a domain live at a remote endpoint. */
  readonly isElsewhere?: (domain: string) => boolean
}

/** What the protocol can express (XEP-0124 §22): a remote endpoint has limits of its own, and binds no session to a browser. */
const limitsElsewhere = { maxWait: 65535, maxRequests: 256, attachBinding: 'off' } as const

/**
 * What the parameters of a warm call ask for. Throws a `Problem`; its detail names the parameter and never its value.
 * `wait` and `hold` above their limits count as those.
 */
export function toWarmRequest(read: Parameters, defaults: WarmDefaults): WarmRequest {
  const { jid, credentials } = readCredentials(read, defaults.passwordless)
  const isElsewhere = defaults.isElsewhere?.(jid.domain) === true
  const limits = isElsewhere ? { ...defaults, ...limitsElsewhere } : defaults
  const { hold, ...options } = readOptions(read, limits)
  const { seconds: attachSeconds, attachBinding } = toHandover(read, limits)
  // A caller that asks for what is not done there must be told so.
  if (isElsewhere && attachBinding !== 'off') throw invalidParameter('attach_binding')
  // Not every endpoint answers clients that poll.
  const least = isElsewhere ? 1 : 0
  return { jid, credentials, ...options, hold: Math.max(hold, least), attachSeconds, attachBinding }
}

/** How a session that is resumed waits for its page. Throws a `Problem`, as above. */
export function toHandover(
  read: Parameters,
  { attachTimeout, attachBinding }: Pick<WarmDefaults, 'attachTimeout' | 'attachBinding'>,
): Handover {
  return {
    seconds: read('expires_in') ?? attachTimeout,
    attachBinding: read('attach_binding') ?? attachBinding,
  }
}

/** What a call without options asks for, to fill the form with. */
export const usualOptions = (limits: OptionLimits) => readOptions(noParameters, limits)

type OptionLimits = Pick<Config['bosh'], 'maxWait' | 'defaultHold' | 'maxRequests'>

function readOptions(read: Parameters, { maxWait, defaultHold, maxRequests }: OptionLimits) {
  // One request less than may be open: while all were held, the client could not send.
  const hold = Math.min(read('hold') ?? defaultHold, maxRequests - 1)
  // The documented name wins, but the other one must be right all the same.
  const [language, lang] = [read('language'), read('lang')]
  const wait = Math.min(read('wait') ?? 60, maxWait)
  return { language: language ?? lang ?? 'en', wait, hold, ver: read('ver') ?? '1.6' }
}
