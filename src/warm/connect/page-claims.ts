import type { JidTemplate } from '../../config/kinds/page-token-kinds.js'
import { Problem } from '../../lib/errors.js'
import { formatBareJid, parseJid } from '../../xmpp/jid/jid.js'
import { bodyParameters } from '../parameters.js'

type Claims = Readonly<Record<string, unknown>>

const longestClaim = 1023

export const refused = (detail: string) => new Problem('invalid-token', { detail })

/** Refuses an unverified `email`, because a user can enter another user's address at the identity provider. */
export function demandVerified(claims: Claims, { claim }: JidTemplate): void {
  const isVerified = claims['email_verified'] === true || claims['email_verified'] === 'true'
  if (claim === 'email' && !isVerified) throw refused('Its claim email_verified is not true.')
}

export function jidIn(claims: Claims, { claim, before, after, domain }: JidTemplate, ignoresCase = false): string {
  const value = textIn(claims, claim)
  if (value === undefined) throw refused('It has no text in the claim of PAGE_TOKEN_JID.')
  // An escaped name must not begin or end with a space (XEP-0106 §3.2).
  if (domain !== undefined && value !== value.trim()) throw unfit()
  const written = domain === undefined ? value : `${before}${escapeLocal(value)}${after}@${domain}`
  const local = written.slice(0, written.indexOf('@'))
  const jid = parseJid(written)
  // If `jid.local` differed from `local` in more than case, the JID could name another user.
  const isSame = jid?.local === inLowerCase(local)
  if (jid === undefined || jid.resource !== undefined || !isSame) throw unfit()
  if (!ignoresCase && jid.local !== local)
    throw refused(
      'The claim of PAGE_TOKEN_JID has capital letters, which JIDs do not have. Use another claim, such as a hash, or set PAGE_TOKEN_IGNORE_CASE=on.',
    )
  return formatBareJid(jid)
}

/** Keeps letters that stand for others, such as the sign of Kelvin for k. */
const inLowerCase = (text: string) =>
  text.replaceAll(/\p{Lu}/gu, letter => {
    const lower = letter.toLowerCase()
    return lower.toUpperCase() === letter ? lower : letter
  })

const unfit = () => refused('The claim of PAGE_TOKEN_JID makes no JID.')

export function visitIn(claims: Claims): string | undefined {
  const name = ['visit', 'sid'].find(name => Object.hasOwn(claims, name) && claims[name] !== null)
  if (name === undefined) return undefined
  const { read, allowed } = bodyParameters.visit
  const visit = read(claims[name])
  if (visit === undefined) throw refused(`Its claim ${name} does not fit. ${allowed}`)
  return visit
}

export function credentialIn(claims: Claims): string {
  const { credential } = claims
  if (typeof credential !== 'string' || credential === '') throw refused('It has no text in the claim credential.')
  return credential
}

function textIn(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
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
