// What the parameters of a call may be: the limits, and the sentence in a refusal, which never has the value that was
// sent: it may be a password in the wrong place.
import { settings } from '../config/settings.js'

/** Longest password, in octets. */
export const longestPassword = 1024
/** Longest token, in characters. */
export const longestToken = 8192
/** Longest language tag, in characters. */
export const longestLanguage = 255
/** How long a page may be given for its first request, in seconds. */
export const shortestAttach = 5
export const longestAttach = 600

const jid = 'A bare or full JID.'
const language = 'A language tag (BCP 47), such as en or de-CH.'

export const allowedValues = {
  jid,
  password: `Text of at most ${longestPassword} bytes, without NUL and what SASLprep forbids.`,
  token: `At most ${longestToken} printable ASCII characters without spaces, and no password beside it.`,
  mechanism: 'The name of a SASL mechanism that shows a token, such as OAUTHBEARER.',
  authzid: `${jid} It has the domain of the other one, and no token beside it.`,
  language,
  lang: language,
  wait: 'A whole number of seconds, 0 or more.',
  hold: 'A whole number, 0 or more.',
  ver: 'A version of BOSH, such as 1.6.',
  expires_in: `A whole number of seconds, from ${shortestAttach} to ${longestAttach}.`,
  attach_binding: `One of ${settings.ATTACH_BINDING.kind.words.join(', ')}; off where another endpoint has the session.`,
  reuse: 'On or off.',
  csrf_token: "The form's own token.",
} as const

/** The parameters that `/warm` knows. */
export type ParameterName = keyof typeof allowedValues

export const parameterNames = Object.keys(allowedValues) as readonly ParameterName[]
