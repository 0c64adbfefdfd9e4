import { inStorage, type Memory } from './page-memory.js'

export const ownName = 'warm-bindings'

/** Characters: enough for the longest full JID (3,071). */
const memorySize = 4000

export type Kept = Partial<Pick<Memory, 'tab' | 'jid' | 'seen' | 'outgoing'>> & {
  /** Another one whenever a page of the tab is left. */
  readonly page?: string
  /** When the service was last heard, in milliseconds. */
  readonly heard?: number
  /** See `ConverseArrivals`. */
  untaken?: readonly string[]
}

/** Empty if there is none, or the browser forbids storage. */
export const kept = (): Kept => inStorage(() => JSON.parse(sessionStorage[ownName])) ?? {}

/**
 * Most values have the same length, because a longer value might not fit into a full storage, which then keeps only the
 * first messages. If none fits, the chat goes on, and a reload of the page opens a new session.
 */
export function keep(memory: Kept, outgoing: Memory['outgoing'] = []): void {
  inStorage(() => delete sessionStorage[ownName])
  const isKept = inStorage(() => (sessionStorage[ownName] = JSON.stringify({ ...memory, outgoing }).padEnd(memorySize)))
  if (isKept) return
  const { untaken = [] } = memory
  if (untaken[0]) keep({ ...memory, untaken: untaken.slice(Math.ceil(untaken.length / 2)) }, outgoing)
  else if (outgoing[0]) keep(memory, outgoing.slice(0, -1))
}

/** What Converse has stored of the user. */
export function forgetStored(): void {
  inStorage(() => {
    for (const key in sessionStorage) if (/^converse-/.test(key)) delete sessionStorage[key]
  })
}
