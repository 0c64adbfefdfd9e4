import { preparePattern } from '../jid/domains.js'
import type { Admin } from './config.js'
import { parseSecretHash } from './secret-hash.js'
import type { Report } from './settings.js'
import { unescaped } from './text.js'

/** `name:secret` each; where `scoped`, `:domain domain…` may follow. Problems tell the place, never the text. */
export function readAccounts(
  entries: string[],
  report: Report,
  { unit, scoped }: { unit: string; scoped: boolean },
) {
  const admins = new Map<string, Admin>()
  for (const [index, entry] of entries.entries()) {
    if (scoped && /^\s*(#|$)/.test(entry)) continue
    const fault = (problem: string) => report(`${unit} ${index + 1} ${problem}`)
    const [name = '', secret = '', ...scope] = entry.trim().split(':')
    // Only a scope has colons of its own, those of an IPv6 address.
    const domains = scope.length === 0 ? ['*'] : scope.join(':').trim().split(/\s+/).map(preparePattern)
    if (!entry.includes(':')) fault('has no colon: write name:secret, and %2C for a comma inside')
    else if (name === '' || secret === '') fault('lacks its name or its secret')
    else if (/%(?!2C|3A|25)/i.test(name + secret)) fault('has a % that is not %2C, %3A or %25: write %25')
    else if (/\p{Cc}/u.test(name + secret)) fault('has a control character, which HTTP Basic cannot carry')
    else if (/%3A/i.test(name)) fault('has a colon in its name, which HTTP Basic cannot carry')
    else if (scope.length > 0 && !scoped) fault('has a colon too many: write %3A inside a secret')
    else if (!domains.every(domain => domain !== undefined))
      fault('goes on after the secret with what is no list of domains: write %3A for a colon inside a secret')
    else if (secret.startsWith('scrypt$') && parseSecretHash(secret) === undefined)
      fault('has a hash that is broken or too costly: make it with npm run hash-password')
    else if (admins.has(unescaped(name))) fault('has the name of one before it')
    else admins.set(unescaped(name), { name: unescaped(name), secret: unescaped(secret), domains })
  }
  return [...admins.values()]
}
