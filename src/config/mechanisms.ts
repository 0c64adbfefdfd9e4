import { readList } from './list.js'
import type { Report } from './settings.js'

/** The SASL mechanisms for logins with a password, the strongest first (RFC 5802, RFC 7677, RFC 4616). */
export const passwordMechanisms = [
  'SCRAM-SHA-512-PLUS',
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-512',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
  'PLAIN',
] as const

export type PasswordMechanism = (typeof passwordMechanisms)[number]

/** Reads a list of mechanisms; each stands in it once. */
export function readMechanisms(text: string, report: Report): PasswordMechanism[] {
  const entries = readList(text)
  if (entries.length === 0) report(`must have at least one of ${passwordMechanisms.join(', ')}`)
  const mechanisms = entries.map(
    entry =>
      passwordMechanisms.find(name => name === entry.toUpperCase()) ??
      report(`has "${entry}", which is none of ${passwordMechanisms.join(', ')}`),
  )
  return [...new Set(mechanisms.filter(name => name !== undefined))]
}
