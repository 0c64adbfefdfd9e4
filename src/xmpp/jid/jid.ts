import { inDomains, prepareDomain, withULabels } from './domains.js'
import { fitsContext, isInFreeforms, isInIdentifiers } from './precis.js'

export interface Jid {
  /** Empty for anonymous users. */
  readonly local: string
  /** With A-labels (`xn--…`). */
  readonly domain: string
  readonly resource: string | undefined
}

/** In octets (RFC 7622 §3.3, §3.4). */
const longestPart = 1023
/** In octets (RFC 7622 §3.1). */
export const longestJid = 3071

/** RFC 7622 §3.3.1. */
const forbiddenInLocal = /["&'/:<>@]/

const preparedLocal = new RegExp(`^[a-z0-9._-]{1,${longestPart}}$`)

/** Fullwidth and halfwidth forms (RFC 8265 §3.3.2). */
const otherWidth = /[\uff01-\uffee]+/g

/** Parses a JID with a local part (RFC 7622 §3). Servers that follow RFC 6122 may bind another JID. */
export function parseJid(text: string): Jid | undefined {
  const parts = split(text)
  if (parts === undefined) return undefined

  const local = prepareLocal(parts.local)
  const domain = prepareDomain(parts.domain)
  if (local === undefined || domain === undefined) return undefined
  if (parts.resource === undefined) return { local, domain, resource: undefined }
  const resource = prepareResource(parts.resource)
  return resource === undefined ? undefined : { local, domain, resource }
}

interface ForbiddenCharacter {
  readonly part: keyof Jid
  readonly character: string
}

/** The first character that a part of the text must not contain. Text without @ counts as a local part. Undefined if the text has another mistake. */
export function forbiddenCharacter(text: string): ForbiddenCharacter | undefined {
  const parts = split(text) ?? { local: text.split('/', 1)[0]!, domain: '', resource: undefined }
  for (const part of ['local', 'domain', 'resource'] as const) {
    if (part === 'domain' && parts.domain.startsWith('[')) continue
    for (const character of parts[part]?.normalize('NFC') ?? '')
      if (!isAllowedIn[part](character)) return { part, character }
  }
  return undefined
}

/** The first part that has its separator, but no text. Undefined for text without @. */
export function emptyPart(text: string): keyof Jid | undefined {
  const parts = split(text)
  return parts && (['local', 'domain', 'resource'] as const).find(part => parts[part] === '')
}

const isAllowedIn: Readonly<Record<keyof Jid, (character: string) => boolean>> = {
  local: character => [...mapLocal(character)].every(each => !forbiddenInLocal.test(each) && isInIdentifiers(each)),
  domain: character => inDomains.test(character),
  resource: character => isInFreeforms(mapResource(character)),
}

function split(text: string) {
  // Resources may contain `@` and `/` (RFC 7622 §3.1).
  const slash = text.indexOf('/')
  const bare = slash === -1 ? text : text.slice(0, slash)
  const at = bare.indexOf('@')
  if (at === -1) return undefined
  const resource = slash === -1 ? undefined : text.slice(slash + 1)
  return { local: bare.slice(0, at), domain: bare.slice(at + 1), resource }
}

/** Writes U-labels. */
export function formatJid(jid: Jid): string {
  const bare = formatBareJid(jid)
  return jid.resource === undefined ? bare : `${bare}/${jid.resource}`
}

export function formatBareJid({ local, domain }: Pick<Jid, 'local' | 'domain'>): string {
  const written = withULabels(domain)
  return local === '' ? written : `${local}@${written}`
}

/** Bare JID for comparisons. The local part gets only case mapping and NFC: more mappings could make two users equal. */
export function userOf(jid: string): string {
  const bare = jid.split('/', 1)[0]!
  const at = bare.indexOf('@')
  const local = bare
    .slice(0, at + 1)
    .normalize('NFC')
    .toLowerCase()
    .normalize('NFC')
  const domain = bare.slice(at + 1)
  return local + (prepareDomain(domain) ?? domain)
}

/** For comparisons of JIDs that an XMPP server may spell in another way: `userOf`, and the resource if there is one. */
export function comparableJid(jid: string): string {
  const slash = jid.indexOf('/')
  return slash === -1 ? userOf(jid) : userOf(jid) + jid.slice(slash)
}

export const isSameJid = (one: string | undefined, other: string): boolean =>
  one !== undefined && comparableJid(one) === comparableJid(other)

function prepareLocal(text: string): string | undefined {
  if (preparedLocal.test(text)) return text
  const local = mapLocal(text)
  if (!hasRightLength(local) || forbiddenInLocal.test(local)) return undefined
  return isInIdentifiers(local) && fitsContext(local) ? local : undefined
}

function mapLocal(text: string): string {
  // `normalize` is last, because lower case decomposes U+0130.
  return text
    .replace(otherWidth, wide => wide.normalize('NFKC'))
    .toLowerCase()
    .normalize('NFC')
}

function prepareResource(text: string): string | undefined {
  const resource = mapResource(text)
  return hasRightLength(resource) && isInFreeforms(resource) && fitsContext(resource) ? resource : undefined
}

/** RFC 8265 §4.2.2. */
const mapResource = (text: string) => text.replace(/\p{Zs}/gu, ' ').normalize('NFC')

function hasRightLength(part: string): boolean {
  return part !== '' && Buffer.byteLength(part) <= longestPart
}
