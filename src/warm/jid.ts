import { prepareDomain } from '../config/domains.js'
import type { Jid } from './binding.js'

/** Longest local part or resource, in octets (RFC 7622 §3.3, §3.4); three such parts keep to the 3071 of the whole. */
const longestPart = 1023

// RFC 7622 §3.3.1, and what PRECIS excludes that is easy to tell: what nobody sees could pose as another name. Joiners
// may be part of a word (RFC 5892 A.1, A.2). The rest is the XMPP server's to judge.
const forbiddenInLocal = /(?![\u200c\u200d])["&'/:<>@\s\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]/u
const forbiddenInResource = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/** A local part that is prepared already, as nearly all are. */
const preparedLocal = new RegExp(`^[a-z0-9._-]{1,${longestPart}}$`)

/** Letters and signs in the width of another script, which are the same ones (RFC 8265 §3.3.2). */
const otherWidth = /[\uff01-\uffee]+/g

/**
 * Reads a bare or full JID with a local part and prepares it (RFC 7622 §3). Undefined for anything else. Node has no
 * PRECIS, so this is near to the canonical form only; the JID that the server binds is the truth.
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

/** Writes a JID as text; one without a local part is its domain. */
export function formatJid({ local, domain, resource }: Jid): string {
  const bare = local === '' ? domain : `${local}@${domain}`
  return resource === undefined ? bare : `${bare}/${resource}`
}

function prepareLocal(text: string): string | undefined {
  if (preparedLocal.test(text)) return text
  // Lower-casing may take a character apart (U+0130), so composing comes last.
  const local = text
    .replace(otherWidth, wide => wide.normalize('NFKC'))
    .toLowerCase()
    .normalize('NFC')
  return hasRightLength(local) && !forbiddenInLocal.test(local) ? local : undefined
}

function prepareResource(text: string): string | undefined {
  // Any kind of space becomes the plain one, then NFC (RFC 8265 §4.2.2).
  const resource = text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  return hasRightLength(resource) && !forbiddenInResource.test(resource) ? resource : undefined
}

function hasRightLength(part: string): boolean {
  return part !== '' && Buffer.byteLength(part) <= longestPart
}
