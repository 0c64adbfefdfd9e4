/** Carries bytes to other processes, in order and once, or reports a break. Names come from `onJoin`. */
export interface Carrier {
  /** Queues whole frames. Drops them if the process is not reached. Never throws. */
  send(node: string, frames: Buffer): void
  /** To all processes. May be lost without a break. */
  announce(frame: Buffer): void
  backlog(node: string): number
  readonly isUp: boolean
  /** Call it if received bytes are invalid: both sides start again, after a break. */
  restart(node: string): void
  /** Checks a silent process. `onLeave` follows if it is certainly gone. */
  probe(node: string): void
  /** Sends waiting bytes, and closes. No event follows. */
  close(): Promise<void>
}

export interface CarrierEvents {
  onJoin(node: string): void
  /** Bytes in order, cut anywhere. */
  onBytes(node: string, bytes: Buffer): void
  onAnnouncement(node: string, frame: Buffer): void
  /** Messages may be lost, in either direction. Whole frames follow. */
  onBreak(node: string): void
  /** The process is certainly gone, or out of reach. */
  onLeave(node: string): void
}

export type StartCarrier = (self: string, events: CarrierEvents) => Promise<Carrier>
