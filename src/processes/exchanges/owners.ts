import type { Clock } from '../../lib/clock.js'
import { isNodeName } from '../node-name.js'
import type { Nodes } from '../nodes.js'
import type { Guarded } from './exchanges.js'
import type { RemoteNode } from './remote-node.js'

/** Time for an heir to announce the names that it adopts. */
const heirMilliseconds = 10_000
const mostNames = 64

const mostWaitingBytes = 8 * 1024 * 1024
/** Measured memory of a waiting request. */
const waiterBytesWithoutText = 6 * 1024

interface Waiter {
  readonly until: number
  readonly bytes: number
  readonly then: (owner: string | undefined) => void
}

interface OwnersParts {
  readonly self: string
  readonly clock: Pick<Clock, 'now'>
  readonly awaitsHeirs: boolean
  readonly known: ReadonlyMap<string, RemoteNode>
  readonly isOnlyReported: (name: string) => boolean
  readonly guarded: Guarded
}

export class Owners {
  isLeaving = false
  readonly #parts: OwnersParts
  /** Newest name first. */
  #adopted = new Set<string>()
  readonly #awaited = new Map<string, number>()
  readonly #awaitsAllUntil: number
  readonly #waiting = new Map<string, Set<Waiter>>()
  #waitingBytes = 0
  #isClosed = false

  constructor(parts: OwnersParts) {
    this.#parts = parts
    this.#awaitsAllUntil = parts.clock.now() + (parts.awaitsHeirs ? heirMilliseconds : 0)
  }

  get names(): readonly string[] {
    return [this.#parts.self, ...this.#adopted]
  }

  get adopted(): readonly string[] {
    return [...this.#adopted]
  }

  get awaited(): readonly string[] {
    return [...this.#awaited.keys()].filter(name => this.#find(name) === undefined)
  }

  adopt(names: readonly string[]): void {
    const all = new Set([...names, ...this.#adopted])
    all.delete(this.#parts.self)
    this.#adopted = new Set([...all].filter(isName).slice(0, mostNames))
    this.check()
  }

  leave(): void {
    this.isLeaving = true
    this.#await(this.names)
    this.check()
  }

  owner(name: string): string | undefined {
    return this.#find(name) ?? (name === '' && !this.isAwaited(name) ? this.#parts.self : undefined)
  }

  isAwaited(name: string): boolean {
    const now = this.#parts.clock.now()
    if ((this.#awaited.get(name) ?? 0) > now) return true
    if (!isName(name)) return false
    if (this.#awaitsAllUntil > now) return true
    // A process that has just joined has not announced its names yet.
    for (const node of this.#parts.known.values()) if (!node.hasHeartbeat && !node.isGivenUp) return true
    return false
  }

  whenOwned: Nodes['whenOwned'] = (name, bytes, then) => {
    const owner = this.owner(name)
    const waiter = { until: this.#parts.clock.now() + heirMilliseconds, bytes: waiterBytesWithoutText + bytes, then }
    const isFull = this.#waitingBytes + waiter.bytes > mostWaitingBytes
    if (owner !== undefined || this.#isClosed || isFull || !this.isAwaited(name)) {
      then(owner)
      return () => {}
    }
    const waiters = this.#waiting.get(name)
    if (waiters === undefined) this.#waiting.set(name, new Set([waiter]))
    else waiters.add(waiter)
    this.#waitingBytes += waiter.bytes
    return () => this.#drop(name, waiter)
  }

  handsOver(node: RemoteNode): void {
    this.#await([node.name, ...node.adopted])
  }

  lost(node: RemoteNode): void {
    if (node.isLeaving) this.handsOver(node)
    this.check()
  }

  check(): void {
    const now = this.#parts.clock.now()
    for (const [name, until] of this.#awaited)
      if (this.#find(name) !== undefined) this.#awaited.delete(name)
      else if (this.#isBeingHandedOver(name)) this.#awaited.set(name, now + heirMilliseconds)
      else if (until <= now) this.#awaited.delete(name)
    for (const [name, waiters] of this.#waiting) {
      const owner = this.owner(name)
      const isOver = owner !== undefined || this.#isClosed || !this.isAwaited(name)
      for (const waiter of [...waiters]) {
        if (!isOver && (waiter.until > now || this.#isBeingHandedOver(name))) break
        this.#drop(name, waiter)
        this.#parts.guarded(() => waiter.then(owner))
      }
    }
  }

  close(): void {
    this.#isClosed = true
    this.check()
  }

  /** Needs no time limit: a process that hands over ends soon. */
  #isBeingHandedOver(name: string): boolean {
    if (this.isLeaving && this.names.includes(name)) return true
    for (const node of this.#parts.known.values())
      if (node.isLeaving && !node.isGivenUp && (node.name === name || node.adopted.has(name))) return true
    return false
  }

  #find(name: string): string | undefined {
    const { self, known, isOnlyReported } = this.#parts
    const isOwner = !this.isLeaving
    if (isOwner && name === self) return self
    if (known.get(name)?.isOwner === true) return name
    if (isOwner && this.#adopted.has(name)) return self
    let heir: string | undefined
    for (const node of known.values())
      if (node.isOwner && node.adopted.has(name) && (heir === undefined || node.name < heir)) heir = node.name
    return heir ?? (isOnlyReported(name) ? name : undefined)
  }

  #await(names: readonly string[]): void {
    const until = this.#parts.clock.now() + heirMilliseconds
    for (const name of names) if (this.#find(name) === undefined) this.#awaited.set(name, until)
  }

  #drop(name: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(name)
    if (waiters?.delete(waiter) !== true) return
    this.#waitingBytes -= waiter.bytes
    if (waiters.size === 0) this.#waiting.delete(name)
  }
}

/** Adopted names in a heartbeat. Older versions send none. */
export function adoptedIn(told: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(told) ? told.slice(0, mostNames).filter(isName) : [])
}

const isName = (name: unknown): name is string => name === '' || (typeof name === 'string' && isNodeName(name))
