// Entries as tests of stores write them.
import type { Member, ProcessEntry, SessionEntry, TabKey } from '../../src/store/store.js'

const anna = 'anna@example.org'

export const tabOf = (tab: string, visit = 'visit', user = anna): TabKey => ({ admin: 'portal', user, visit, tab })

export function processOf(name: string, more: Partial<ProcessEntry> = {}): ProcessEntry {
  const entry: ProcessEntry = {
    name,
    address: `https://${name}.example.org:5290`,
    place: 'host-1',
    version: '2.0.0',
    settings: { domains: 'c0ffee' },
    isDraining: false,
  }
  return { ...entry, ...more }
}

export function memberOf(name: string, sessions: readonly SessionEntry[] = [], checkEnded = () => {}): Member {
  return { entry: () => processOf(name), sessions: () => sessions, checkEnded, lost() {}, caughtUp() {} }
}

/** A session of `anna@example.org` in the process `a`, which its page polls. */
export function sessionOf(id: string, more: Partial<SessionEntry> = {}): SessionEntry {
  const entry: SessionEntry = {
    id,
    process: 'a',
    secrets: [`sid of ${id}`],
    domain: 'example.org',
    jid: `anna@example.org/${id}`,
    user: anna,
    address: '192.0.2.1',
    origin: 'warmed',
    admin: 'portal',
    isPage: false,
    openedAt: 1_800_000_000_000,
    state: 'held',
    transport: 'bosh',
  }
  return { ...entry, ...more }
}
