import { isNodeName } from '../node-name.js'
import { NatsLink } from './nats-link.js'

const mostLinks = 1024

export class NatsLinks {
  readonly #self: string
  readonly #prefix: string
  readonly #byName = new Map<string, NatsLink>()

  constructor(self: string, prefix: string) {
    this.#self = self
    this.#prefix = prefix
  }

  get helloSubject(): string {
    return `${this.#prefix}.hello`
  }

  get ownSubjects(): string {
    return `${this.#prefix}.to.${this.#self}.*`
  }

  /** Subject of a message to this process itself, which tests the permission to publish. */
  get probeSubject(): string {
    return `${this.#prefix}.to.${this.#self}.${this.#self}`
  }

  nameIn(subject: string): string {
    return subject.slice(subject.lastIndexOf('.') + 1)
  }

  get(name: string): NatsLink | undefined {
    return this.#byName.get(name)
  }

  joined(name: string): NatsLink | undefined {
    const link = this.#byName.get(name)
    return link?.isJoined === true ? link : undefined
  }

  [Symbol.iterator](): Iterator<NatsLink> {
    return this.#byName.values()
  }

  join(name: string): NatsLink | undefined {
    if (!isNodeName(name) || name === this.#self) return undefined
    const link = this.#byName.get(name) ?? this.#add(name)
    if (link !== undefined) link.isJoined = true
    return link
  }

  remove(name: string): void {
    this.#byName.delete(name)
  }

  #add(name: string): NatsLink | undefined {
    if (this.#byName.size >= mostLinks)
      for (const [other, { isJoined }] of this.#byName) if (!isJoined) this.#byName.delete(other)
    if (this.#byName.size >= mostLinks) return undefined
    const [there, here] = [`${this.#prefix}.to.${name}.${this.#self}`, `${this.#prefix}.to.${this.#self}.${name}`]
    const link = new NatsLink(name, there, here)
    this.#byName.set(name, link)
    return link
  }
}
