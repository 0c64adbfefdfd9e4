import type { Carrier, CarrierEvents, StartCarrier } from '../../src/processes/carriers/carrier.js'

/** Carries between the processes of a test, in memory: each delivery is a turn of its own. */
export class MemoryNetwork {
  readonly #members = new Map<string, CarrierEvents>()
  /** What waits for processes that are stopped. */
  readonly #stopped = new Map<string, (() => void)[]>()
  /** How many frames were sent. */
  sent = 0

  /** Starts the carrier of one process. */
  readonly start: StartCarrier = this.startBeside([])

  /** The same, but the process does not join these processes. */
  startBeside(unmet: readonly string[]): StartCarrier {
    return (self, events) => this.#start(self, events, unmet)
  }

  async #start(self: string, events: CarrierEvents, unmet: readonly string[]): Promise<Carrier> {
    for (const [other, theirs] of this.#members) {
      if (unmet.includes(other)) continue
      this.#to(other, () => theirs.onJoin(self))
      this.#to(self, () => events.onJoin(other))
    }
    this.#members.set(self, events)
    const send = (node: string, act: (theirs: CarrierEvents) => void) => {
      const theirs = this.#members.get(node)
      if (theirs === undefined || !this.#members.has(self)) return
      this.sent += 1
      this.#to(node, () => act(theirs))
    }
    return {
      isUp: true,
      send: (node, frames) => send(node, theirs => theirs.onBytes(self, Buffer.from(frames))),
      announce: frame => {
        for (const node of this.#members.keys())
          if (node !== self) send(node, theirs => theirs.onAnnouncement(self, Buffer.from(frame)))
      },
      backlog: () => 0,
      probe() {},
      restart: node => this.lose(self, node),
      close: async () => this.kill(self),
    }
  }

  /** The process is gone at once, and the others are told. */
  kill(name: string): void {
    if (!this.#members.delete(name)) return
    this.#stopped.delete(name)
    for (const [other, events] of this.#members) this.#to(other, () => events.onLeave(name))
  }

  /** Bytes come from one to the other, whatever they are. */
  say(one: string, other: string, bytes: Buffer): void {
    this.#to(other, () => this.#members.get(other)?.onBytes(one, bytes))
  }

  /** What is sent to the process waits, as if it were stopped. */
  stop(name: string): void {
    this.#stopped.set(name, [])
  }

  /** It goes on. */
  goOn(name: string): void {
    const waiting = this.#stopped.get(name) ?? []
    this.#stopped.delete(name)
    for (const act of waiting) act()
  }

  /** Something between the two may be lost. */
  lose(one: string, other: string): void {
    this.#members.get(one)?.onBreak(other)
    this.#members.get(other)?.onBreak(one)
  }

  #to(name: string, act: () => void): void {
    setImmediate(() => {
      const waiting = this.#stopped.get(name)
      if (waiting !== undefined) waiting.push(act)
      else if (this.#members.has(name)) act()
    })
  }
}
