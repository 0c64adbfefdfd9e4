import { inStorage } from './page-memory.js'

export const ownName = 'warm-bindings'

/** Characters: enough for the longest full JID (3,071). */
const memorySize = 4000

/** Empty if there is none, or the browser forbids storage. */
export const kept = (): object => inStorage(() => JSON.parse(sessionStorage[ownName])) ?? {}

/**
 * All values have the same length, because a longer value might not fit into a full storage. If none fits, the chat goes
 * on, and a reload of the page opens a new session.
 */
export function keep(memory: object): void {
  inStorage(() => {
    delete sessionStorage[ownName]
    sessionStorage[ownName] = JSON.stringify(memory).padEnd(memorySize)
  })
}
