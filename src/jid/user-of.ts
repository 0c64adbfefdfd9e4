import { prepareDomain } from './domains.js'

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
