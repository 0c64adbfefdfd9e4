// The sessions of a bench, as the warm API sees them.
import type { Clock } from '../../src/lib/clock.js'
import { type AllSessionsParts, allSessions } from '../../src/session/registry/all-sessions.js'
import { OwnSessions } from '../../src/session/registry/own-sessions.js'
import type { Registry } from '../../src/session/registry/registry.js'
import { SessionBook } from '../../src/session/registry/session-book.js'
import type { Store, StoredSession } from '../../src/store/store.js'
import { userOf } from '../../src/xmpp/jid/jid.js'
import { memoryStore } from './memory-store.js'

interface Bench {
  readonly registry: Registry
  readonly clock: Clock
}

interface About extends Partial<Pick<NonNullable<AllSessionsParts['shared']>, 'others' | 'records'>> {
  /** Of all processes. */
  readonly store?: Store
  /** Sessions at remote endpoints. */
  readonly elsewhere?: readonly StoredSession[]
}

/** Reports are errors that tests do not expect. */
export function bookOf({ registry, clock }: Bench, about: About = {}) {
  const { others, elsewhere = [], store = memoryStore(clock, 0) } = about
  const reports: unknown[] = []
  const book = new SessionBook({
    self: others?.self ?? '',
    store,
    registry,
    elsewhere: { list: () => elsewhere },
    countedClient: () => undefined,
    report: error => void reports.push(error),
  })
  return { book, store, reports }
}

const noRecords = { takeUp: async () => undefined, end: async () => false }

/** With several processes, `about` has `others` and their store. */
export function sessionsIn(bench: Bench, about: About = {}) {
  const { others, elsewhere = [], records = noRecords } = about
  const { book, store } = bookOf(bench, about)
  if (others !== undefined) bench.registry.book = book
  const shared = others && { others, store, records, recordSeconds: 300 }
  const own = ownSessionsOf(bench, elsewhere)
  return allSessions({ own, clock: bench.clock, shared, book })
}

export function ownSessionsOf({ registry }: Pick<Bench, 'registry'>, elsewhere: readonly StoredSession[] = []) {
  return new OwnSessions(registry, {
    get: id => elsewhere.find(view => view.id === id),
    list: () => elsewhere,
    ofJid: jid => elsewhere.filter(view => view.jid !== undefined && userOf(view.jid) === userOf(jid)),
  })
}
