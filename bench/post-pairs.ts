// What a round trip is to HTTP alone: two requests at a time, and the next two when both are answered.
import { Lane } from './wire.js'

export interface PostPairsOptions {
  readonly port: number
  readonly path: string
  /** What the two requests carry. */
  readonly bodies: readonly [string, string]
  /** Called with the milliseconds of each pair. */
  readonly arrived: (milliseconds: number) => void
  readonly failed: (error: Error) => void
}

export class PostPairs {
  readonly #options: PostPairsOptions
  readonly #lanes: readonly Lane[]
  #open = 0
  #sentAt = 0
  #isOver = false

  constructor(options: PostPairsOptions) {
    const { port, path } = options
    this.#options = options
    this.#lanes = options.bodies.map(
      () => new Lane({ port, path, headers: 'Content-Type: text/xml; charset=utf-8\r\n' }),
    )
  }

  /** There is nothing to wait for. */
  poll(): void {}

  /** Sends the first pair; the following ones go by themselves. */
  sendNext(): void {
    this.#sentAt = performance.now()
    this.#open = this.#lanes.length
    for (const [index, lane] of this.#lanes.entries()) {
      lane.post(this.#options.bodies[index]!, (error, _text, status) => this.#read(error, status))
    }
  }

  async end(): Promise<void> {
    this.#isOver = true
    for (const lane of this.#lanes) lane.close()
  }

  #read(error: Error | undefined, status: number): void {
    if (this.#isOver) return
    if (error || status !== 200) this.#options.failed(error ?? new Error(`floor: HTTP ${status}`))
    else if (--this.#open === 0) {
      this.#options.arrived(performance.now() - this.#sentAt)
      this.sendNext()
    }
  }
}
