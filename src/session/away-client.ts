import type { Client, NextPage } from './client.js'

export interface AwayRecord {
  readonly isAway: true
  readonly next: unknown
}

/** A WebSocket page that has not returned since its session moved to this process. */
export class AwayClient implements Client {
  readonly transport = 'websocket'
  readonly address = undefined
  readonly isPresent = false
  readonly unconfirmed = 0
  readonly deadline = Number.POSITIVE_INFINITY
  readonly #next: NextPage

  constructor(next: NextPage) {
    this.#next = next
  }

  onOpen(): void {}
  tick(): void {}
  flush(): void {}
  close(): void {}

  reportEnd(): boolean {
    return false
  }

  handOver(): NextPage {
    return this.#next
  }

  setDown(): AwayRecord {
    return { isAway: true, next: this.#next.record }
  }
}
