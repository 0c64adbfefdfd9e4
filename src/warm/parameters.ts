import { passwordMechanisms } from '../config/kinds/kinds.js'
import { Problem } from '../lib/errors.js'
import { text as textSchema } from '../lib/text/json-schema.js'
import type { AttachBinding, Transport } from '../session/session-types.js'
import { idPattern } from '../session/sid.js'
import { isProcessName } from '../store/process-name.js'
import type { PageWish } from '../store/store.js'
import { prepareDomain } from '../xmpp/jid/domains.js'
import { type Jid, longestJid, parseJid } from '../xmpp/jid/jid.js'
import { JidMistake, mistakesIn } from './jid-mistakes.js'
import { badParameter, integer, missingParameter, onOrOff, type Parameter, text, word } from './parameter-kinds.js'

export const defaultTokenMechanism = 'OAUTHBEARER'
const otherMechanisms: readonly string[] = [...passwordMechanisms, 'EXTERNAL', 'ANONYMOUS']

/** RFC 5646 §2.1, with the irregular tags that begin with `i`. */
export const languageTag =
  /^(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wyz\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?|x(?:-[a-z\d]{1,8})+|i-[a-z]{2,8})$/i

/** In bytes. */
export const longestPassword = 1024
const longestToken = 8192
const longestLanguage = 255
/** Characters: enough for a user name of 1,023 bytes. */
export const longestCredential = 2048
const longestVisit = 128
const longestTab = 64
const printable = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u
/** Allows more than RFC 6750 §2.1, because some tokens are not base64. */
const visible = /^[\x21-\x7e]+$/
/** RFC 4422 §3.1. */
const mechanismName = /^[A-Z0-9_-]{1,20}$/
/** RFC 7622 §3.1 limits bytes, but a schema counts characters. */
const aJid = { minLength: 1, maxLength: longestJid }
const jidAllowed = 'A bare or full JID.'

export const bodyParameters = {
  jid: text('The user: a bare JID, or a full JID to request a resource.', jidAllowed, sent => sent, aJid),
  password: text(
    `At most ${longestPassword} bytes.`,
    `Text of at most ${longestPassword} bytes, without NUL and other characters that SASLprep forbids.`,
    // NUL would end a field of SASL PLAIN (RFC 4616 §2).
    sent => (sent.includes('\0') || Buffer.byteLength(sent) > longestPassword ? undefined : sent),
    { minLength: 1, maxLength: longestPassword, format: 'password', writeOnly: true },
  ),
  token: text(
    'A token of the user, instead of a password.',
    `At most ${longestToken} printable ASCII characters without spaces. Do not send it with password.`,
    sent => (sent.length <= longestToken && visible.test(sent) ? sent : undefined),
    { minLength: 1, maxLength: longestToken, pattern: visible.source, format: 'password', writeOnly: true },
  ),
  mechanism: text(
    'SASL mechanism for the token.',
    'A SASL mechanism for tokens, such as OAUTHBEARER.',
    name => (mechanismName.test(name) && !otherMechanisms.includes(name) ? name : undefined),
    { pattern: mechanismName.source, not: { enum: otherMechanisms }, default: defaultTokenMechanism },
  ),
  credential: text(
    'Instead of a password: the `credential` of an earlier answer.',
    'A credential. Do not send it with password, token or authzid.',
    sent => sent,
    { minLength: 1, maxLength: longestCredential, format: 'password', writeOnly: true },
  ),
  authzid: text(
    'The user, if `jid` and `password` belong to another account of the domain, which acts for the user.',
    `${jidAllowed} Its domain is the domain of jid. Do not send it with token.`,
    parseJid,
    aJid,
  ),
  language: language('Language of the stream (BCP 47).'),
  lang: language('Like `language`, which wins if both are present.'),
  wait: integer('Longest time to hold a request, in seconds.'),
  hold: integer('Requests held at a time.'),
  ver: {
    schema: {
      description: 'BOSH version. The JSON number 1.10 means 1.1.',
      anyOf: [
        { type: 'string', pattern: '^[0-9]{1,5}\\.[0-9]{1,5}$' },
        { type: 'number', minimum: 0, exclusiveMaximum: 100_000 },
      ],
    },
    allowed: 'A version of BOSH, such as 1.6.',
    read: readVersion,
  },
  expires_in: integer('Time limit for the first request of the page, in seconds.', { minimum: 5, maximum: 600 }),
  attach_binding: word<AttachBinding>(
    ['off', 'cookie', 'reply'],
    'Ties the session to one browser by a cookie. The first BOSH response (`cookie`) or your backend (`reply`) sets it.',
    '. Only off at a remote endpoint.',
  ),
  visit: shortText(
    'Name of the portal session, not a secret. The call resumes an existing session of this `visit` and `tab`.',
    longestVisit,
  ),
  tab: shortText('Name of the browser tab. Without it, the visit has one session.', longestTab, ' Needs visit.'),
  remember: onOrOff(
    'Whether to return a `credential`, which later calls send in place of the password.',
    "On or off. On needs the user's own password, and an answer in JSON.",
  ),
  csrf_token: {
    schema: textSchema('For the form of this service only.'),
    allowed: 'The token of the form.',
    read: (value: unknown) => value,
  },
} as const

export type ParameterName = keyof typeof bodyParameters
export const parameterNames = Object.keys(bodyParameters) as readonly ParameterName[]

/** Backends must not send these as empty or `null`: if `authzid` was ignored, the service account would log in. */
export const identifying: ReadonlySet<string> = new Set<ParameterName>([
  'jid',
  'password',
  'token',
  'mechanism',
  'credential',
  'authzid',
  'visit',
])

export const invalidParameter = (name: ParameterName) => badParameter(name, bodyParameters[name].allowed)

const placePattern = new RegExp(`^(\\d{1,16}(?:\\.\\d{1,20})?)-(${idPattern})$`)
export const formatPlace = ({ openedAt, id }: NonNullable<PageWish['after']>) => `${openedAt}-${id}`

export const usualLimit = 100
export const usualRows = 50

const longestSearch = 256

const orders = ['opened', '-opened', 'jid', '-jid', 'state', '-state', 'quiet', '-quiet'] as const

export const orderOf = (sort: (typeof orders)[number]) => ({
  by: sort.replace('-', '') as NonNullable<PageWish['by']>,
  isReversed: sort.startsWith('-'),
})

export const sessionStates = ['opening', 'waiting', 'held', 'quiet', 'paused', 'ended', 'elsewhere'] as const

export const listParameters = {
  jid: text('The sessions of a bare JID, or the session of a full JID.', jidAllowed, demandJid, aJid),
  search: shortText('The sessions with this text in their JID, or with this id.', longestSearch),
  domain: text('The sessions of this domain.', 'A domain.', prepareDomain),
  state: word(sessionStates, 'The sessions in this state.'),
  transport: word<Transport>(['bosh', 'websocket'], 'The sessions over this transport.'),
  origin: word<NonNullable<PageWish['origin']>>(
    ['warmed', 'client', 'connect'],
    'The sessions of this origin. `connect`: warmed for a page with a token.',
  ),
  process: text(
    'The sessions at this process.',
    'A name in the field process.',
    sent => (isProcessName(sent) ? sent : undefined),
    { pattern: '^[a-z0-9]{8}$' },
  ),
  visit: shortText('The sessions of this visit of this admin.', longestVisit),
  limit: integer('Largest number of sessions to list.', { minimum: 1, maximum: 1000, default: usualLimit }),
  after: text(
    'The value of `next` in the previous part.',
    'The value of "next" in the previous part of the list.',
    (written): PageWish['after'] => {
      const [, openedAt, id] = placePattern.exec(written) ?? []
      return id === undefined ? undefined : { openedAt: Number(openedAt), id }
    },
    { pattern: placePattern.source },
  ),
  sort: word(orders, 'The order: oldest first, by JID, by state, or shortest quiet time first. `-` reverses it.'),
  page: integer('Number of the part of the list, instead of `after`.', { minimum: 1, maximum: 1_000_000 }),
} as const

export const pageParameters = {
  ...listParameters,
  refresh: integer('Seconds between refreshes of the page.', { minimum: 5, maximum: 3600 }),
} as const

export const tabParameters = { tab: bodyParameters.tab } as const

export const mostSelected = 200
const longestBack = 2_000

/** The form also has `id`s, which `readSelection` reads. */
export const endParameters = {
  jid: listParameters.jid,
  back: text('', `At most ${longestBack} characters.`, sent => (sent.length <= longestBack ? sent : undefined)),
  csrf_token: bodyParameters.csrf_token,
} as const

export const logoutParameters = {
  jid: {
    ...listParameters.jid,
    read(sent: unknown) {
      if (sent === '') throw missingParameter('jid')
      return listParameters.jid.read(sent)
    },
  },
  visit: listParameters.visit,
} as const

function language(description: string): Parameter<string> {
  return text(
    description,
    'A language tag (BCP 47), such as en or de-CH.',
    tag => (tag.length <= longestLanguage && languageTag.test(tag) ? tag : undefined),
    { maxLength: longestLanguage },
  )
}

/** `longest` counts Unicode characters, as schemas do. */
function shortText(description: string, longest: number, rule = ''): Parameter<string> {
  return text(
    description,
    `1 to ${longest} characters, without control characters.${rule}`,
    // A character has at most two UTF-16 units.
    sent => (sent.length <= 2 * longest && [...sent].length <= longest && printable.test(sent) ? sent : undefined),
    { minLength: 1, maxLength: longest, pattern: printable.source },
  )
}

/** A version is not a decimal number: 1.10 is newer than 1.6 (XEP-0124 §7.1). */
function readVersion(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const version = Number.isInteger(value) ? `${value}.0` : String(value)
  const [, major, minor] = /^(\d{1,5})\.(\d{1,5})$/.exec(version) ?? []
  return major === undefined ? undefined : `${Number(major)}.${Number(minor)}`
}

export function demandJid(sent: string): Jid {
  const jid = parseJid(sent)
  if (jid !== undefined) return jid
  const mistakes = mistakesIn(sent)
  const [first] = mistakes
  throw new Problem('invalid-jid', {
    quote: mistakes.map(({ sentence }) => sentence).join(' ') || undefined,
    cause: first && new JidMistake(first.code),
  })
}
