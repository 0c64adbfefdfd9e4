import { availableParallelism } from 'node:os'
import { createSecureContext } from 'node:tls'
import { attempt } from '../../lib/attempt.js'
import { isLoopback } from '../../lib/client-network.js'
import { type LogLevel, type LogLevels, type LogPart, logLevels, logParts } from '../../lib/log.js'
import { prepareDomain, preparePattern } from '../../xmpp/jid/domains.js'

export type Report = (problem: string) => undefined

/** Callers ignore the result after a reported problem. */
export interface Kind<T> {
  (text: string, report: Report): T | undefined
  readonly range?: readonly [least: number, most: number]
  readonly words?: readonly string[]
}

/** Not for secrets. */
const quoted = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

export const text: Kind<string> = text => text

export function integer(least: number, most: number): Kind<number> {
  const kind: Kind<number> = (text, report) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    return report(`must be a whole number from ${least} to ${most}, not ${quoted(text)}`)
  }
  return Object.assign(kind, { range: [least, most] as const })
}

const mostProcesses = 256
const processCount = integer(0, mostProcesses)

export const processes: Kind<number> = (text, report) =>
  text.toLowerCase() === 'auto'
    ? Math.min(availableParallelism(), mostProcesses)
    : processCount(text, problem => report(`${problem}. Write auto for one per core`))

export const fileMode: Kind<number> = (text, report) =>
  /^0?[0-7]{3}$/.test(text)
    ? Number.parseInt(text, 8)
    : report(`must be three octal digits, such as 660, not ${quoted(text)}`)

export const switches: ReadonlyMap<string, boolean> = new Map([
  ...['on', 'true', 'yes', '1'].map(word => [word, true] as const),
  ...['off', 'false', 'no', '0'].map(word => [word, false] as const),
])

export const boolean: Kind<boolean> = (text, report) =>
  switches.get(text.toLowerCase()) ?? report(`must be on or off, not ${quoted(text)}`)

/** `on` and `off` as in `boolean`, or one more word. */
export function switchOr<const W extends string>(word: W): Kind<boolean | W> {
  return (text, report) => {
    const value = text.toLowerCase()
    return value === word ? word : (switches.get(value) ?? report(`must be on, ${word} or off, not ${quoted(text)}`))
  }
}

export function word<const W extends string>(...words: W[]) {
  const kind: Kind<W> = (text, report) =>
    words.find(word => word === text.toLowerCase()) ?? report(`must be one of ${words.join(', ')}, not ${quoted(text)}`)
  return Object.assign(kind, { words })
}

export const ciphers: Kind<string> = (text, report) =>
  attempt(() => createSecureContext({ ciphers: text })) === undefined
    ? report(`must be ciphers that OpenSSL knows, not ${quoted(text)}`)
    : text

export function entriesOf(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
}

export function listOf<T>(read: (entry: string) => T | undefined, fault: string, empty?: string): Kind<readonly T[]> {
  return (text, report) => {
    const entries = entriesOf(text)
    if (entries.length === 0 && empty !== undefined) return report(empty)
    const values = entries.map(entry => read(entry) ?? report(`has "${entry}", which is ${fault}`))
    return [...new Set(values.filter(value => value !== undefined))]
  }
}

export const files: Kind<readonly string[]> = entriesOf

export const domain: Kind<string> = (text, report) =>
  prepareDomain(text) ?? report('must be a domain, such as example.org')

/** The result is in lower case, with A-labels. */
export const domainPatterns = listOf(preparePattern, 'neither a domain nor *.domain nor *')

export function readHostName(text: string): string | undefined {
  return prepareDomain(text.trim().replace(/:\d*$/, ''))
}

/** `none` is no host. */
export const hostName: Kind<string> = (text, report) =>
  readHostName(text) ?? report('must be the name of a host, such as chat.example.org, or none')

/** In paths: the XMPP domain of the requested host. */
export const hostVariable = '$host'

export const path: Kind<string> = (text, report) => {
  if (/^(\/([\w.~-]|\$host(?![\w-]))+)+$/.test(text) && !/\/\.\.?(\/|$)/.test(text)) return text
  return report('must look like /chat/warm: letters, digits, "-", ".", "_", "~", and no slash at the end')
}

export const baseUrl: Kind<string> = (text, report) => {
  const url = URL.canParse(text) && !/[?#]/.test(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username + url.password !== '')
    return report('must be an http or https URL without user and query, such as https://chat.example.org')
  // A semicolon ends a cookie's path (RFC 6265 §4.1.1).
  if (url.pathname.includes(';')) return report('has a semicolon in its path, which cookies cannot have in theirs')
  return url.href.replace(/\/+$/, '')
}

/** Problems never quote the URL, which may contain a password. */
export const secureUrl: Kind<string> = (text, report) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSecure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (isSecure && url.username + url.password + url.hash === '') return url.href
  return report('must be an https URL without user, password and #: plain http is for this machine only')
}

function readOrigin(entry: string): string | undefined {
  // `https://*.example.org` would match no page, because `*` is no wildcard here.
  const url = URL.canParse(entry) && !entry.includes('*') ? new URL(entry) : undefined
  const isOrigin = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`
  return isOrigin ? url.origin : undefined
}

const noOrigin = 'no origin such as https://www.example.org'

export const namedOrigins = listOf(readOrigin, noOrigin)

const originList = listOf(
  readOrigin,
  noOrigin,
  'must have an origin such as https://www.example.org, * for any, or none',
)

export const origins: Kind<readonly string[]> = (text, report) => {
  if (text === 'none') return []
  return text === '*' ? ['*'] : originList(text, report)
}

/** RFC 9110 §5.6.2. */
const token = /^[\w!#$%&'*+.^`|~-]+$/

/** Headers that the service writes, and hop-by-hop headers (RFC 9110 §7.6.1). */
const takenHeader =
  /^(connection|content-(encoding|length|type)|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i

export const unescaped = (text: string) => text.replace(/%(2C|3A|25)/gi, decodeURIComponent)

/** `name=value,…`. Problems never quote the value. */
export const headers: Kind<readonly (readonly [name: string, value: string])[]> = (text, report) =>
  entriesOf(text).map((entry, index) => {
    const [left = '', right] = entry.split(/=(.*)/s, 2)
    const name = left.trim()
    const value = unescaped(right?.trim() ?? '')
    if (right === undefined || !token.test(name)) report(`entry ${index + 1} must be like X-Name=value`)
    else if (takenHeader.test(name)) report(`has ${name}, which the service writes itself`)
    else if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) report(`has a character in ${name} that no header may have`)
    return [name, value]
  })

/** Strongest first (RFC 5802, RFC 7677, RFC 4616). */
export const passwordMechanisms = [
  'SCRAM-SHA-512-PLUS',
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-512',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
  'PLAIN',
] as const

type PasswordMechanism = (typeof passwordMechanisms)[number]

export const mechanisms = listOf<PasswordMechanism>(
  entry => passwordMechanisms.find(name => name === entry.toUpperCase()),
  `none of ${passwordMechanisms.join(', ')}`,
  `must have at least one of ${passwordMechanisms.join(', ')}`,
)

export type AuditLog = 'stdout' | 'stderr' | 'off' | { readonly file: string }

/** A path must have a slash, so that a misspelt `stdout` creates no file. */
export const auditLog: Kind<AuditLog> = (text, report) => {
  const word = (['stdout', 'stderr', 'off'] as const).find(word => word === text.toLowerCase())
  if (word !== undefined) return word
  if (text.includes('/') && !text.endsWith('/')) return { file: text }
  return report(`must be stdout, stderr, off or the path of a file, such as ./audit.log, not ${quoted(text)}`)
}

/** `level`, `level,part=level,…` or `part=level,…`. Default: `info`. */
export const logLevelsByPart: Kind<LogLevels> = (text, report) => {
  let usual: LogLevel | undefined
  const parts = new Map<LogPart, LogLevel>()
  for (const entry of text.toLowerCase().split(',')) {
    const [, name, word = ''] = /^(?:([^=]*)=)?(.*)$/.exec(entry.replaceAll(' ', ''))!
    const level = logLevels.find(known => known === word)
    const part = logParts.find(known => known === name)
    if (level === undefined) return report(`must be one of ${logLevels.join(', ')}, not ${JSON.stringify(word)}`)
    if (name === undefined && usual !== undefined) return report('has more than one level for all parts')
    if (name === undefined) usual = level
    else if (part === undefined)
      return report(`has the unknown part ${JSON.stringify(name)}: use one of ${logParts.join(', ')}`)
    else if (parts.has(part)) return report(`has ${part} twice`)
    else parts.set(part, level)
  }
  return { usual: usual ?? 'info', parts }
}
