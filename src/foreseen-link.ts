import type { Foreseen, LoginWishes } from './exchange.js'
import type {
  Link,
  LinkEnd,
  LinkEvents,
  LinkFacts,
  LinkOptions,
  OpenLink,
  StreamHeader,
  StreamOptions,
} from './link.js'
import { streamsNamespace } from './namespaces.js'
import type { Element, Fate } from './xml/element.js'

/** A link for a login in this process: reports the features that it expects before they have come. */
export class ForeseenLink implements Link, LinkEvents {
  events: LinkEvents
  readonly #link: Link
  /** Until the stream is open: nothing of the login may stay for as long as the session. */
  #reached: LoginWishes['reached'] | undefined
  #foreseen: Foreseen | undefined

  constructor(
    open: OpenLink,
    domain: string,
    options: LinkOptions,
    events: LinkEvents,
    { certificate, reached, foreseen }: LoginWishes,
  ) {
    this.events = events
    this.#reached = reached
    this.#foreseen = foreseen
    this.#link = open(domain, { ...options, certificate, ahead: this.#ahead }, this)
  }

  get #ahead(): StreamOptions['ahead'] {
    if (this.#foreseen?.wasAhead !== true) return undefined
    return this.#foreseen.isProven ? 'proven' : 'trial'
  }

  get facts(): LinkFacts {
    return this.#link.facts
  }

  get backlog(): number {
    return this.#link.backlog
  }

  get isBetweenElements(): boolean {
    return this.#link.isBetweenElements
  }

  send(elements: readonly Element[], soon?: boolean): void {
    this.#link.send(elements, soon)
  }

  restart({ lang, from }: StreamOptions = {}): void {
    this.#link.restart({ lang, from, ahead: this.#ahead })
  }

  pause(): void {
    this.#link.pause()
  }

  resume(): void {
    this.#link.resume()
  }

  close(): void {
    this.#link.close()
  }

  onStep(step: Parameters<LoginWishes['reached']>[0]): void {
    this.#reached?.(step)
  }

  onAhead(): void {
    const features = this.#foreseen?.expected()
    if (features === undefined) return
    this.events.onElement(features)
    this.events.onFlush()
  }

  onOpen(header: StreamHeader): void {
    this.#reached = undefined
    this.events.onOpen(header)
  }

  onElement(element: Element): void {
    if (element.name === 'features' && element.namespace === streamsNamespace && this.#foreseen) {
      const isExpected = this.#foreseen.came(element)
      if (this.#foreseen.isComplete) this.#foreseen = undefined
      if (isExpected) return
    }
    this.events.onElement(element)
  }

  onUnfit(fate: Fate): void {
    this.events.onUnfit?.(fate)
  }

  onFlush(): void {
    this.events.onFlush()
  }

  onDrain(): void {
    this.events.onDrain()
  }

  onEnd(end: LinkEnd): void {
    this.events.onEnd(end)
  }
}
