import { keys } from './session-keys.js'
import type { EndedMarks, Ending, TabName } from './store.js'

const ofJid = (jid: string) => JSON.stringify(['jid', jid])
const ofId = (id: string) => JSON.stringify(['id', id])
const ofVisit = (visit: { admin: string; visit: string; user?: string | undefined }) =>
  visit.user === undefined ? keys.visit(visit) : JSON.stringify(['visit', visit.admin, visit.visit, visit.user])

export function endingKey(ending: Ending): string {
  if ('id' in ending) return ofId(ending.id)
  return 'jid' in ending ? ofJid(ending.jid) : ofVisit(ending.visit)
}

export function endingKeysOf({ id, user, jid, tab }: Parameters<EndedMarks['isEnded']>[0]): readonly string[] {
  const found = [ofId(id)]
  if (user !== undefined) found.push(ofJid(user))
  if (jid !== undefined) found.push(ofJid(jid))
  if (tab !== undefined) found.push(...endingKeysOfTab(tab))
  return found
}

export function endingKeysOfTab(tab: TabName): readonly string[] {
  return [ofVisit({ admin: tab.admin, visit: tab.visit }), ofVisit(tab)]
}
