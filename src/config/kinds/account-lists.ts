// Problems never quote entries, which contain secrets.
import { prepareDomain, preparePattern } from '../../xmpp/jid/domains.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { inFile, type Line, linesIn } from '../setting-file.js'
import { type Kind, type Report, unescaped } from './kinds.js'
import { parseSecretHash } from './secret-hash.js'

/** `warm` is for backends. `read` sees sessions, numbers, failures and the audit trail. */
const adminRoles = ['all', 'warm', 'read'] as const
export type AdminRole = (typeof adminRoles)[number]

/** Two entries may have the same name: both secrets are valid. */
export interface Admin {
  readonly name: string
  /** Plain text, or a hash (`secret-hash.ts`). */
  readonly secret: string
  readonly domains: readonly string[]
  readonly role: AdminRole
}

/** Logs in for other users (RFC 6120 §6.3.8). */
export interface ServiceAccount {
  readonly user: string
  readonly password: string
}

/** `name:secret,…` with an optional `:role=read`, and a file of lines `name:secret:domain domain… role=read`. */
export const [adminAccounts, adminAccountsFile] = accountKinds(readAdmins)

/** `domain=user:password,…`, with `*` for other domains, and a file of such lines. */
export const [serviceAccounts, serviceAccountsFile] = accountKinds(readServiceAccounts)

/** `domain=user,…`: users who make accounts. */
export const [accountMakers] = accountKinds(readAccountMakers)

interface Entry {
  readonly text: string
  readonly isLine: boolean
  readonly fault: (problem: string) => void
}

function accountKinds<T>(read: (entries: readonly Entry[]) => T): readonly [list: Kind<T>, file: Kind<T>] {
  const readAll = (all: readonly Line[], report: Report, isLine: boolean) => {
    const place = isLine ? 'line' : 'entry'
    return read(
      all.map(({ number, text }) => {
        const fault = (problem: string) => report(`${place} ${number} ${problem}`)
        return { text, isLine, fault }
      }),
    )
  }
  const listed = (text: string) => text.split(',').map((entry, index) => ({ number: index + 1, text: entry.trim() }))
  return [
    (text, report) => readAll(text === '' ? [] : listed(text), report, false),
    inFile((text, report) => readAll(linesIn(text), report, true)),
  ]
}

const strayEscape = /%(?!2C|3A|25)/i

function readAdmins(entries: readonly Entry[]): readonly Admin[] {
  const admins: Admin[] = []
  for (const { text, isLine, fault } of entries) {
    const [name = '', secret = '', ...scope] = text.split(':')
    const words = scope.join(':').trim().split(/\s+/)
    const named = words.filter(word => word.startsWith('role=')).map(word => word.slice('role='.length))
    const role = named.length === 0 ? 'all' : adminRoles.find(known => known === named[0])
    const patterns = words.filter(word => !word.startsWith('role='))
    const isForAll = scope.length === 0 || (patterns.length === 0 && named.length > 0)
    const domains = isForAll ? ['*'] : patterns.map(preparePattern)
    if (!text.includes(':')) fault('has no colon: write name:secret, and %2C for a comma inside')
    else if (name === '' || secret === '') fault('has no name or no secret')
    else if (strayEscape.test(name + secret)) fault('has a % that is not %2C, %3A or %25: write %25')
    else if (/\p{Cc}/u.test(name + secret)) fault('has a control character, which HTTP Basic cannot carry')
    else if (/%3A/i.test(name)) fault('has a colon in its name, which HTTP Basic cannot carry')
    else if (scope.length > 0 && patterns.length > 0 && !isLine) fault('has too many colons: write %3A inside a secret')
    else if (named.length > 1 || role === undefined)
      fault(`has a role that is not one of ${adminRoles.join(', ')}: write for example role=read`)
    else if (!domains.every(domain => domain !== undefined))
      fault('has no list of domains after the secret: write %3A for a colon inside a secret')
    else if (secret.startsWith('scrypt$') && parseSecretHash(secret) === undefined)
      fault('has a hash that is broken or too costly: make it with warm-bindings hash-password')
    else {
      const admin = { name: unescaped(name), secret: unescaped(secret), domains, role }
      const problem = problemOfSecond(admin, admins)
      if (problem === undefined) admins.push(admin)
      else fault(`has the name of an earlier account, ${problem}`)
    }
  }
  return admins
}

export function problemOfSecond(admin: Admin, before: readonly Admin[]): string | undefined {
  const [other, third] = before.filter(({ name }) => name === admin.name)
  if (other === undefined) return undefined
  if (third !== undefined) return 'which has two secrets already: remove the oldest'
  if (other.secret === admin.secret) return 'and the same secret: keep one of the two'
  const isSame = other.role === admin.role && other.domains.join(' ') === admin.domains.join(' ')
  return isSame ? undefined : 'but other domains or another role: write the same for both secrets'
}

function readServiceAccounts(entries: readonly Entry[]): ReadonlyMap<string, ServiceAccount> {
  const accounts = new Map<string, ServiceAccount>()
  for (const { text, fault } of entries) {
    if (text === '') continue
    const [, left = '', user = '', password = ''] = /^([^=]*)=\s*([^:]*):(.*)$/s.exec(text) ?? []
    const domain = left.trim() === '*' ? '*' : prepareDomain(left.trim())
    if (domain === undefined || user === '' || password === '') fault('must be like example.org=user:password')
    else if (strayEscape.test(user + password)) fault('has a % that is not %2C, %3A or %25: write %25')
    else if (/\p{Cc}/u.test(user + password)) fault('has a control character')
    // RFC 7622 §3.3.1 forbids these characters in a local part.
    else if (/["&'/:<>@\s]/.test(unescaped(user)))
      fault('has a user name that cannot be the local part of a JID: write it without @ and domain')
    else if (accounts.has(domain)) fault(`repeats the domain ${domain}`)
    else accounts.set(domain, { user: unescaped(user), password: unescaped(password) })
  }
  return accounts
}

function readAccountMakers(entries: readonly Entry[]): ReadonlyMap<string, string> {
  const makers = new Map<string, string>()
  for (const { text, fault } of entries) {
    const [, left = '', user = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
    const jid = parseJid(`${user.trim()}@${left.trim()}`)
    if (jid === undefined || jid.local === '' || jid.resource !== undefined) fault('must be like example.org=admin')
    else if (makers.has(jid.domain)) fault(`repeats the domain ${jid.domain}`)
    else makers.set(jid.domain, jid.local)
  }
  return makers
}
