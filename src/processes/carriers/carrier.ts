/** Carries bytes to other processes, in order and once, or reports a break. */
export interface Carrier {
  /** Queues whole frames, or drops them if the process cannot be reached. Never throws. */
  send(node: string, frames: Buffer): void
  /** Sends to all processes. A lost frame is not reported. */
  announce(frame: Buffer): void
  /** Bytes that the socket has not accepted, or NATS has not confirmed. */
  backlog(node: string): number
  readonly isUp: boolean
  /** Starts the connection again on both sides, after invalid bytes. */
  restart(node: string): void
  /** Checks a silent process. `onLeave` follows if the process is certainly gone. */
  probe(node: string): void
  /** Sends waiting bytes first. No event follows. */
  close(): Promise<void>
}

export interface CarrierEvents {
  onJoin(node: string): void
  /** Bytes arrive in order, but a frame may be split over several calls. */
  onBytes(node: string, bytes: Buffer): void
  onAnnouncement(node: string, frame: Buffer): void
  /** Messages of both directions may be lost. The next bytes begin a new frame. */
  onBreak(node: string): void
  /** The process is gone, or cannot be reached. */
  onLeave(node: string): void
}

export type StartCarrier = (self: string, events: CarrierEvents) => Promise<Carrier>
