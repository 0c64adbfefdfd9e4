import type { Outgoing } from './departures.js'

/** Whether the server knows the page, from this session or from an earlier one. */
export type Introduced = 'never' | 'elsewhere' | 'here'

export interface Memory {
  readonly tab: string
  /** Empty before the first session. */
  readonly jid: string
  readonly seen: number
  /** Archive id of the last shown message, or empty. */
  readonly last: string
  /** Archived messages after `last` have not come yet. */
  readonly isBehind?: boolean
  readonly outgoing: readonly Outgoing[]
  readonly sent: readonly Outgoing[]
}

/** Undefined if the browser forbids storage, it is full, or what it has is invalid. */
export function inStorage<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

/** Deletes the stored memory, because browsers copy storage to a duplicated tab. */
export function takeMemory(name: string): Memory {
  const kept = inStorage(() => {
    const text = sessionStorage.getItem(keyOf(name))
    sessionStorage.removeItem(keyOf(name))
    const memory: Memory = JSON.parse(text!)
    const texts = [memory.tab, memory.jid, memory.last, ...[...memory.outgoing, ...memory.sent].map(({ xml }) => xml)]
    return memory.seen >= 0 && texts.every(text => typeof text === 'string') ? memory : undefined
  })
  return kept ?? { tab: randomName(), jid: '', seen: 0, last: '', outgoing: [], sent: [] }
}

/** False if it cannot be stored. */
export function storeMemory(name: string, memory: Memory): boolean {
  const isStored = inStorage(() => {
    // Of a storage that is full, the earlier value would stay.
    sessionStorage.removeItem(keyOf(name))
    sessionStorage.setItem(keyOf(name), JSON.stringify(memory))
    return true
  })
  return isStored === true
}

const keyOf = (name: string) => `warm-bindings ${name}`

/** 128 random bits. `randomUUID` would need TLS. */
export function randomName(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('')
}
