// The seam below `nodes`: how bytes get from one process to another. Types only.

/**
 * Carries bytes to the other processes that it reaches. What one process sends to another arrives in order and once, or there
 * is a break. Names are those of processes, as `newNodeName` makes them: a carrier passes nothing to a name that it has
 * not told of by `onJoin`.
 */
export interface Carrier {
  /** Passes whole frames on to another process, behind those before; what it does not reach is dropped. Never throws. */
  send(node: string, frames: Buffer): void
  /** The same to all processes that it reaches; may be lost without a break. */
  announce(frame: Buffer): void
  /** How many bytes wait here for another process to take them. */
  backlog(node: string): number
  /** Whether it reaches others at all at the moment, such as a broker. */
  readonly isUp: boolean
  /** What has come from another process cannot be read: both begin anew with each other, after a break. */
  restart(node: string): void
  /** Asks whether a process that has been silent is still there; `onLeave` is called if it is certain that it is not. */
  probe(node: string): void
  /** Sends what waits, and lets go of all that is open. Its events are not called any more. */
  close(): Promise<void>
}

export interface CarrierEvents {
  /** Another process can be reached from now on. */
  onJoin(node: string): void
  /** Bytes of another process have come, in order, cut anywhere. */
  onBytes(node: string, bytes: Buffer): void
  /** A whole frame that another process has announced. */
  onAnnouncement(node: string, frame: Buffer): void
  /**
   * Something that this process or the other sent may be lost: what comes next from there begins with a whole frame, and so
   * does what is sent there next.
   */
  onBreak(node: string): void
  /** The process is certainly gone, or certainly not reached by this carrier any more. */
  onLeave(node: string): void
}

/** Begins to carry for the process of this name. Resolves once it does, and rejects where it cannot. */
export type StartCarrier = (self: string, events: CarrierEvents) => Promise<Carrier>
