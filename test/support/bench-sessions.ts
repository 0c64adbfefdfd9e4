// The sessions of a bench, as the warm API sees them.
import type { Clock } from '../../src/lib/clock.js'
import { OwnSessions } from '../../src/session/registry/own-sessions.js'
import type { Registry } from '../../src/session/registry/registry.js'
import { SessionBook } from '../../src/session/registry/session-book.js'
import { type StoredSessionsParts, storedSessions } from '../../src/session/registry/stored-sessions.js'
import type { SessionView } from '../../src/session/session-types.js'
import { memoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { userOf } from '../../src/xmpp/jid/jid.js'

interface Bench {
  readonly registry: Registry
  readonly clock: Clock
}

interface About extends Pick<StoredSessionsParts, 'others' | 'takeUp'> {
  /** Of all processes. */
  readonly store?: Store
  /** Sessions at remote endpoints. */
  readonly elsewhere?: readonly SessionView[]
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
    clock,
    epoch: 0,
    report: error => void reports.push(error),
  })
  return { book, store, reports }
}

/** With several processes, `about` has `others` and their store. */
export function sessionsIn(bench: Bench, about: About = {}) {
  const { others, elsewhere = [], takeUp } = about
  const { book, store } = bookOf(bench, about)
  if (others !== undefined) bench.registry.book = book
  const own = new OwnSessions(bench.registry, {
    get: id => elsewhere.find(view => view.id === id),
    list: () => elsewhere,
    ofJid: jid => elsewhere.filter(view => view.jid !== undefined && userOf(view.jid) === userOf(jid)),
  })
  return storedSessions({ own, book, store, takeUp, others, clock: bench.clock, epoch: 0, recordSeconds: 300 })
}
