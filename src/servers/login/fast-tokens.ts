import { createHmac, randomBytes } from 'node:crypto'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'

const mostDomains = 1000
const mostSalts = 1000

export type FastTokens = ReturnType<typeof createFastTokens>

/** FAST tokens are requested only if SCRAM keys do not work, because Prosody stores a token's user agent forever. */
export function createFastTokens() {
  const secret = randomBytes(32)
  const salting = new Map<string, true>()
  const salts = new Map<string, { readonly text: string; readonly changes: number }>()
  const taken = new Map<string, Set<number>>()

  return {
    /** Two changes of the salt in a row show that the server salts at each login. One change may be a new password. */
    noteSalt(domain: string, user: string, salt: Buffer): void {
      const key = `${user}@${domain}`
      const text = salt.toString('base64')
      const before = salts.get(key)
      const changes = before === undefined || before.text === text ? 0 : before.changes + 1
      salts.set(key, { text, changes })
      forgetOldest(salts, mostSalts)
      if (changes < 2) return
      salting.set(domain, true)
      forgetOldest(salting, mostDomains)
    },

    areNeeded(domain: string, mechanism: string): boolean {
      return !mechanism.startsWith('SCRAM-') || salting.has(domain)
    },

    /** For one token. Reuses ids, because Prosody keeps each id forever. */
    agentOf(jid: string) {
      const numbers = taken.get(jid) ?? new Set()
      let number = 0
      while (numbers.has(number)) number += 1
      taken.set(jid, numbers.add(number))
      let isReleased = false
      return {
        id: uuidOf(createHmac('sha256', secret).update(`${number} ${jid}`).digest('hex')),
        giveBack() {
          if (isReleased) return
          isReleased = true
          numbers.delete(number)
          if (numbers.size === 0) taken.delete(jid)
        },
      }
    },
  }
}

/** Version 4 (RFC 9562 §5.4). */
function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
