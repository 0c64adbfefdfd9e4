import { streamsNamespace } from '../namespaces.js'
import type { Element } from '../xml/element.js'

/** What may wait for a client, and how much of it goes into one reply. */
export interface OutboxLimits {
  readonly maxQueueBytes: number
  readonly maxQueueElements: number
  readonly maxResponseBytes: number
}

export const outboxLimits: OutboxLimits = {
  maxQueueBytes: 1024 * 1024,
  maxQueueElements: 1000,
  maxResponseBytes: 1024 * 1024,
}

/** Elements taken out for one reply. */
export interface Batch {
  readonly payload: string
  /** Whether one of them belongs to the stream, such as its features. */
  readonly hasStreamElement: boolean
}

const nothing: Batch = { payload: '', hasStreamElement: false }

/** What the server sent and the client has not been given yet, in order. Sizes are in UTF-16 units. */
export class Outbox {
  readonly #limits: OutboxLimits
  #elements: Element[] = []
  #size = 0

  constructor(limits: OutboxLimits) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#elements.length === 0
  }

  /** Whether the server should be read no further until some of it is fetched. */
  get isFull(): boolean {
    return this.#size > this.#limits.maxQueueBytes || this.#elements.length > this.#limits.maxQueueElements
  }

  add(element: Element): void {
    this.#elements.push(element)
    this.#size += element.text.length
  }

  /** Puts elements before all others. */
  putBack(elements: readonly Element[]): void {
    if (elements.length === 0) return
    this.#elements = [...elements, ...this.#elements]
    for (const { text } of elements) this.#size += text.length
  }

  /** Takes out everything. */
  clear(): Element[] {
    const all = this.#elements
    this.#elements = []
    this.#size = 0
    return all
  }

  /** Takes out whole elements, oldest first: at least one, and as many as fit into a reply. */
  take(): Batch {
    const elements = this.#elements
    if (elements.length === 0) return nothing
    let payload = ''
    let hasStreamElement = false
    let taken = 0
    for (; taken < elements.length; taken++) {
      const element = elements[taken]!
      if (taken > 0 && payload.length + element.text.length > this.#limits.maxResponseBytes) break
      payload += element.text
      hasStreamElement ||= element.namespace === streamsNamespace
    }
    this.#elements = taken === elements.length ? [] : elements.slice(taken)
    this.#size -= payload.length
    return { payload, hasStreamElement }
  }
}
