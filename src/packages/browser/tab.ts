// What a page leaves to the next one in its tab.

import type { Outgoing } from './departures.js'

export interface Memory {
  /** The tab's name. */
  readonly tab: string
  /** The session's full JID; empty before the first one. */
  readonly jid: string
  /** How many of its stanzas have come. */
  readonly seen: number
  /** The id of the last message in the user's archive that has been shown; empty if none has. */
  readonly last: string
  /** What may not have arrived. */
  readonly outgoing: readonly Outgoing[]
}

/** Takes it out of the tab for as long as the page is open: browsers copy what is there to a duplicate of the tab. */
export function takeMemory(name: string): Memory {
  try {
    const kept = sessionStorage.getItem(keyOf(name))
    sessionStorage.removeItem(keyOf(name))
    const { tab, jid, seen, last, outgoing }: Memory = JSON.parse(kept!)
    const texts = [tab, jid, last, ...outgoing.map(({ xml }) => xml)]
    if (seen >= 0 && texts.every(text => typeof text === 'string')) return { tab, jid, seen, last, outgoing }
  } catch {
    // The memory is missing or has another shape, or the page has no storage.
  }
  return { tab: randomName(), jid: '', seen: 0, last: '', outgoing: [] }
}

/** Returns whether the tab has stored it. */
export function leaveMemory(name: string, memory: Memory): boolean {
  try {
    sessionStorage.setItem(keyOf(name), JSON.stringify(memory))
    return true
  } catch {
    return false
  }
}

const keyOf = (name: string) => `warm-bindings ${name}`

/** 128 bits in hexadecimal digits. `randomUUID` is there on pages over TLS only. */
export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
