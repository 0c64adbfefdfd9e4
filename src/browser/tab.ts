// What a page leaves to the next one in its tab.

import type { Outgoing } from './departures.js'

export interface Memory {
  /** The tab's name. */
  readonly tab: string
  /** The session's full JID. */
  readonly jid?: string | undefined
  /** How many of its stanzas have come. */
  readonly seen?: number
  /** The id of the last message in the user's archive that has been shown. */
  readonly last?: string | undefined
  /** What may not have arrived. */
  readonly outgoing?: readonly Outgoing[]
}

/** Takes it out of the tab for as long as the page is open: browsers copy what is there to a duplicate of the tab. */
export function takeMemory(name: string): Memory {
  try {
    const kept = sessionStorage.getItem(keyOf(name))
    sessionStorage.removeItem(keyOf(name))
    if (kept !== null) return JSON.parse(kept)
  } catch {
    // The page may have no storage; then each of its loads is a new tab.
  }
  return { tab: randomName() }
}

export function leaveMemory(name: string, memory: Memory): void {
  try {
    sessionStorage.setItem(keyOf(name), JSON.stringify(memory))
  } catch {
    // As above.
  }
}

const keyOf = (name: string) => `warm-bindings ${name}`

/** 128 bits in hexadecimal digits. `randomUUID` is there on pages over TLS only. */
export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
