import { comparableJid } from '../xmpp/jid/jid.js'
import type { CountedBy, EndedMarks, Ending, SessionEntry, SessionKey, TabKey, VisitKey } from './store.js'

/** Keys contain secrets. `jid` can be full. */
export const keys = {
  secret: (secret: string) => JSON.stringify(['secret', secret]),
  tab: ({ admin, user, visit, tab }: TabKey) => JSON.stringify(['tab', admin, user, visit, tab]),
  visit: ({ admin, visit }: VisitKey) => JSON.stringify(['visit', admin, visit]),
  counted: (by: CountedBy, value: string) => JSON.stringify([by, value]),
}

/** Keys with one session each. */
export function uniqueKeysOf({ secrets, tab }: Pick<SessionEntry, 'secrets' | 'tab'>): readonly string[] {
  const ofSecrets = secrets.map(keys.secret)
  return tab === undefined ? ofSecrets : [...ofSecrets, keys.tab(tab)]
}

/** Keys with many sessions. */
export function sharedKeysOf({ user, address, tab }: SessionEntry): readonly string[] {
  const found: string[] = []
  if (user !== undefined) found.push(keys.counted('user', user))
  if (address !== undefined) found.push(keys.counted('address', address))
  if (tab !== undefined) found.push(keys.visit(tab))
  return found
}

export function keyOf(key: Exclude<SessionKey, { id: string }>): string {
  if ('secret' in key) return keys.secret(key.secret)
  if ('tab' in key) return keys.tab(key.tab)
  return 'user' in key ? keys.counted('user', key.user) : keys.visit(key.visit)
}

const ofId = (id: string) => JSON.stringify(['id', id])
const ofJid = (jid: string) => JSON.stringify(['jid', comparableJid(jid)])
const ofVisit = (visit: VisitKey) =>
  visit.user === undefined ? keys.visit(visit) : JSON.stringify(['visit', visit.admin, visit.visit, visit.user])

/** Of a mark. */
export function endingKey(ending: Ending): string {
  if ('id' in ending) return ofId(ending.id)
  return 'jid' in ending ? ofJid(ending.jid) : ofVisit(ending.visit)
}

/** Of the marks that can end the session. */
export function endingKeysOf({ id, user, jid, tab }: Parameters<EndedMarks['isEnded']>[0]): readonly string[] {
  const jids = [user, jid].filter(each => each !== undefined)
  return [ofId(id), ...jids.map(ofJid), ...(tab === undefined ? [] : endingKeysOfTab(tab))]
}

export function endingKeysOfTab(tab: TabKey): readonly string[] {
  return [ofVisit({ admin: tab.admin, visit: tab.visit }), ofVisit(tab)]
}
