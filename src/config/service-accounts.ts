import { prepareDomain } from '../jid/domains.js'
import type { ServiceAccount } from './config.js'
import type { Report } from './settings.js'
import { unescaped } from './text.js'

/** Reads `domain=user:password` or `*=user:password` each. Problems tell the place, never the text. */
export function readServiceAccounts(
  entries: readonly string[],
  report: Report,
  unit: 'entry' | 'line',
): Map<string, ServiceAccount> {
  const accounts = new Map<string, ServiceAccount>()
  for (const [index, entry] of entries.entries()) {
    if (entry.trim() === '' || (unit === 'line' && /^\s*#/.test(entry))) continue
    const fault = (problem: string) => report(`${unit} ${index + 1} ${problem}`)
    const [, left = '', user = '', password = ''] = /^([^=]*)=\s*([^:]*):(.*)$/s.exec(entry.trim()) ?? []
    const domain = left.trim() === '*' ? '*' : prepareDomain(left.trim())
    if (domain === undefined || user === '' || password === '')
      fault('must be like example.org=user:password')
    else if (/%(?!2C|3A|25)/i.test(user + password)) fault('has a % that is not %2C, %3A or %25: write %25')
    else if (/\p{Cc}/u.test(user + password)) fault('has a control character')
    // RFC 7622 §3.3.1.
    else if (/["&'/:<>@\s]/.test(unescaped(user))) fault('has a user name that is no local part of a JID')
    else if (accounts.has(domain)) fault(`is the second one for ${domain}`)
    else accounts.set(domain, { user: unescaped(user), password: unescaped(password) })
  }
  return accounts
}
