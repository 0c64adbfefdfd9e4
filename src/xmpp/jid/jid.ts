import { prepareDomain, withULabels } from './domains.js'
import { isFreeform, isIdentifier } from './precis.js'

/** A JID in its prepared parts (RFC 7622). */
export interface Jid {
  /** Empty where a session without an account is asked for. */
  readonly local: string
  /** As domains are compared, with A-labels. */
  readonly domain: string
  readonly resource: string | undefined
}

/** Longest local part or resource, in octets (RFC 7622 §3.3, §3.4); three such parts keep to the 3071 of the whole. */
const longestPart = 1023

/** What an identifier may have and a local part may not (RFC 7622 §3.3.1). */
const forbiddenInLocal = /["&'/:<>@]/

/** A local part that is prepared already, as nearly all are. */
const preparedLocal = new RegExp(`^[a-z0-9._-]{1,${longestPart}}$`)

/** Letters and signs in the width of another script, which are the same ones (RFC 8265 §3.3.2). */
const otherWidth = /[\uff01-\uffee]+/g

/**
 * Reads a bare or full JID with a local part and prepares it (RFC 7622 §3). Undefined for anything else.
 * Servers that go by an older profile (RFC 6122) prepare it in another way; the JID that the server binds is the truth.
 */
export function parseJid(text: string): Jid | undefined {
  // The resource is cut off first: it may contain "@" and "/" itself (RFC 7622 §3.1).
  const slash = text.indexOf('/')
  const bare = slash === -1 ? text : text.slice(0, slash)
  const at = bare.indexOf('@')
  if (at === -1) return undefined

  const local = prepareLocal(bare.slice(0, at))
  const domain = prepareDomain(bare.slice(at + 1))
  if (local === undefined || domain === undefined) return undefined
  if (slash === -1) return { local, domain, resource: undefined }
  const resource = prepareResource(text.slice(slash + 1))
  return resource === undefined ? undefined : { local, domain, resource }
}

/** Writes a JID as text, its domain with U-labels; one without a local part is its domain. */
export function formatJid(jid: Jid): string {
  const bare = formatBareJid(jid)
  return jid.resource === undefined ? bare : `${bare}/${jid.resource}`
}

/** The same without the resource. */
export function formatBareJid({ local, domain }: Pick<Jid, 'local' | 'domain'>): string {
  const written = withULabels(domain)
  return local === '' ? written : `${local}@${written}`
}

/**
 * The user whose JID this is, bare or full, in the one spelling that users are told apart by. Only what every server
 * takes for the same is: case and composition in the local part, U-labels and A-labels in the domain. Some servers take
 * more for the same, but where another does not, one user must not pass for another.
 */
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

function prepareLocal(text: string): string | undefined {
  if (preparedLocal.test(text)) return text
  // Lower-casing may take a character apart (U+0130), so composing comes last.
  const local = text
    .replace(otherWidth, wide => wide.normalize('NFKC'))
    .toLowerCase()
    .normalize('NFC')
  return hasRightLength(local) && !forbiddenInLocal.test(local) && isIdentifier(local) ? local : undefined
}

function prepareResource(text: string): string | undefined {
  // Any kind of space becomes the plain one, then NFC (RFC 8265 §4.2.2).
  const resource = text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  return hasRightLength(resource) && isFreeform(resource) ? resource : undefined
}

function hasRightLength(part: string): boolean {
  return part !== '' && Buffer.byteLength(part) <= longestPart
}
