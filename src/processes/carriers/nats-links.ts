import { isNodeName } from '../node-name.js'
import { NatsLink } from './nats-link.js'

/** How many processes are known at a time; more are none of ours. */
const mostLinks = 1024

/** The other processes that were heard over NATS: those that have joined, and for a while those that have left. */
export class NatsLinks {
  readonly #self: string
  readonly #prefix: string
  readonly #byName = new Map<string, NatsLink>()

  /** `prefix` begins all subjects. */
  constructor(self: string, prefix: string) {
    this.#self = self
    this.#prefix = prefix
  }

  /** Where all processes are announced. */
  get helloSubject(): string {
    return `${this.#prefix}.hello`
  }

  /** Where this process hears what others say to it. */
  get ownSubjects(): string {
    return `${this.#prefix}.to.${this.#self}.*`
  }

  /** Where this process would say something to itself; NATS permits this as it permits what is said to others. */
  get probeSubject(): string {
    return `${this.#prefix}.to.${this.#self}.${this.#self}`
  }

  /** The process that says something to this one at a subject. */
  nameIn(subject: string): string {
    return subject.slice(subject.lastIndexOf('.') + 1)
  }

  get(name: string): NatsLink | undefined {
    return this.#byName.get(name)
  }

  /** One that has joined. */
  joined(name: string): NatsLink | undefined {
    const link = this.#byName.get(name)
    return link?.isJoined === true ? link : undefined
  }

  [Symbol.iterator](): Iterator<NatsLink> {
    return this.#byName.values()
  }

  /** Another process is heard first, or again; undefined where it cannot be one. */
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
    const [there, here] = [
      `${this.#prefix}.to.${name}.${this.#self}`,
      `${this.#prefix}.to.${this.#self}.${name}`,
    ]
    const link = new NatsLink(name, there, here)
    this.#byName.set(name, link)
    return link
  }
}
