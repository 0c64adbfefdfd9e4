import { prepareDomain } from '../jid/domains.js'
import { parseJid } from '../jid/jid.js'

/** The one domain that the demo server serves. */
export const domain = 'localhost' as const

/** Whom a stanza is for: the server, an account, or one of an account's resources. */
export interface Address {
  readonly domain: string
  readonly account: string | undefined
  readonly resource: string | undefined
}

/** Reads any kind of JID and prepares it; undefined for what is none (RFC 7622 §3). */
export function readAddress(text: string): Address | undefined {
  const slash = text.indexOf('/')
  if (text.slice(0, slash === -1 ? undefined : slash).includes('@')) {
    const jid = parseJid(text)
    return jid && { domain: jid.domain, account: jid.local, resource: jid.resource }
  }
  const prepared = prepareDomain(slash === -1 ? text : text.slice(0, slash))
  if (prepared === undefined || text.endsWith('/')) return undefined
  return { domain: prepared, account: undefined, resource: slash === -1 ? undefined : text.slice(slash + 1) }
}

/** A resource in its prepared form (RFC 7622 §3.4); undefined for what cannot be one. */
export function prepareResource(text: string): string | undefined {
  return parseJid(`x@${domain}/${text}`)?.resource
}
