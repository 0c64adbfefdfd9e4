import {
  claimsInBraces,
  type JidTemplate,
  type NameTemplate,
  type RequiredClaims,
} from '../../config/kinds/page-token-kinds.js'
import { Problem } from '../../lib/errors.js'
import type { Card } from '../../servers/login/created-accounts.js'
import { formatBareJid, parseJid } from '../../xmpp/jid/jid.js'
import { bodyParameters } from '../parameters.js'

export type Claims = Readonly<Record<string, unknown>>

const longestClaim = 1023

export const refused = (detail: string) => new Problem('invalid-token', { detail })

/** Refuses an unverified `email`, because a user can enter another user's address at the identity provider. */
export function demandVerified(claims: Claims, { claim }: JidTemplate): void {
  const isVerified = claims['email_verified'] === true || claims['email_verified'] === 'true'
  if (claim === 'email' && !isVerified) throw refused('Its claim email_verified is not true.')
}

const comparable = new Set(['string', 'number', 'boolean'])

/** The first claim that does not have one of its values. */
export function missingClaim(claims: Claims, required: RequiredClaims): string | undefined {
  const has = (name: string, values: readonly string[]) => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined
    return [value].flat().some(each => comparable.has(typeof each) && values.includes(String(each)))
  }
  return [...required].find(([name, values]) => !has(name, values))?.[0]
}

export function jidIn(claims: Claims, template: JidTemplate, ignoresCase = false): string {
  const { claim, isHex, before, after, domain } = template
  const value = textIn(claims, claim)
  if (value === undefined) throw refused('It has no text in the claim of PAGE_TOKEN_JID.')
  // An escaped name must not begin or end with a space (XEP-0106 §3.2).
  if (domain !== undefined && !isHex && value !== value.trim()) throw unfit(template)
  const name = isHex ? Buffer.from(value).toString('hex') : escapeLocal(value)
  const written = domain === undefined ? value : `${before}${name}${after}@${domain}`
  const local = written.slice(0, written.indexOf('@'))
  const jid = parseJid(written)
  // If `jid.local` differed from `local` in more than case, the JID could name another user.
  const isSame = jid?.local === inLowerCase(local)
  if (jid === undefined || jid.resource !== undefined || !isSame) throw unfit(template)
  if (!ignoresCase && jid.local !== local)
    throw refused(
      `The claim of PAGE_TOKEN_JID has capital letters, which JIDs do not have. ${encoding(template)} Only if case does not matter in it, set PAGE_TOKEN_IGNORE_CASE=on.`,
    )
  return formatBareJid(jid)
}

/** Keeps letters that stand for others, such as the sign of Kelvin for k. */
const inLowerCase = (text: string) =>
  text.replaceAll(/\p{Lu}/gu, letter => {
    const lower = letter.toLowerCase()
    return lower.toUpperCase() === letter ? lower : letter
  })

/** How to keep ids apart that no JID can have. */
const encoding = ({ claim, before, after, domain = 'example.org' }: JidTemplate) =>
  `Encode it: PAGE_TOKEN_JID=${before}{hex(${claim})}${after}@${domain}.`

function unfit(template: JidTemplate): Problem {
  const { claim, isHex, domain } = template
  if (isHex) return refused('The claim of PAGE_TOKEN_JID is too long for a JID.')
  if (domain === undefined)
    return refused(
      `The claim of PAGE_TOKEN_JID is no bare JID. If it is a name, set PAGE_TOKEN_JID={${claim}}@example.org, with your domain.`,
    )
  return refused(`The claim of PAGE_TOKEN_JID makes no JID. ${encoding(template)}`)
}

export const visitClaims = (setting: string | undefined) => (setting === undefined ? ['visit', 'sid'] : [setting])

export function visitIn(claims: Claims, setting?: string): string | undefined {
  const name = visitClaims(setting).find(name => Object.hasOwn(claims, name) && claims[name] !== null)
  if (name === undefined) return undefined
  const { read, allowed } = bodyParameters.visit
  const visit = read(claims[name])
  if (visit === undefined) throw refused(`Its claim ${name} does not fit. ${allowed}`)
  return visit
}

const longestName = 200

/** Controls, code points that XML does not allow, and signs that reorder the text around them. */
const unshown = /[\p{Cc}\s\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]+/gu

/** Undefined without PAGE_TOKEN_NAME, or if the claims are missing. Leaves out an `email` that the issuer has not verified. */
export function cardIn(claims: Claims, template: NameTemplate | undefined): Card | undefined {
  if (template === undefined) return undefined
  const isUnverified = [false, 'false'].some(value => claims['email_verified'] === value)
  const textOf = (claim: string) => (claim === 'email' && isUnverified ? undefined : textIn(claims, claim))
  const filled = (text = '') => {
    const written = text.replace(claimsInBraces, (_, claim: string) => textOf(claim) ?? '')
    return [...written.replaceAll(unshown, ' ').trim()].slice(0, longestName).join('')
  }
  const [name, address] = [filled(template.name), filled(template.address)]
  return name === '' ? undefined : { name, address: address === '' ? undefined : address }
}

export function credentialIn(claims: Claims): string {
  const { credential } = claims
  if (typeof credential !== 'string' || credential === '') throw refused('It has no text in the claim credential.')
  return credential
}

function textIn(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  // A larger number may have been rounded to the id of another user.
  if (Number.isSafeInteger(value)) return String(value)
  const isText = typeof value === 'string' && value !== '' && value.length <= longestClaim && value.isWellFormed()
  return isText ? value : undefined
}

/** XEP-0106 §4. A backslash is escaped if it would begin an escape. */
function escapeLocal(text: string): string {
  return text.replaceAll(
    /\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)|[ "&'/:<>@]/gi,
    character => `\\${character.charCodeAt(0).toString(16)}`,
  )
}
