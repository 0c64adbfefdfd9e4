import { closeSync, writeSync } from 'node:fs'
import { attempt } from '../attempt.js'
import { type Clock, systemClock, type Timer } from '../clock.js'

/** At most this many bytes wait for a slow reader. */
const mostBytes = 2 ** 20
/** The part of `mostBytes` for lines that matter. */
const reservedBytes = 2 ** 18
const slowMilliseconds = 20
const brokenMilliseconds = 1_000

interface LineWriterOptions {
  /** Writes a line about the lost lines. */
  readonly onLost: (lost: number, writer: LineWriter) => void
  /** `code`: for example `ENOSPC`. A slow reader is not a failure. */
  readonly onFailure?: (code: string | undefined) => void
  readonly clock?: Pick<Clock, 'after'>
  readonly writeTo?: (descriptor: number, bytes: Buffer) => number
}

/** Never throws or blocks. A line without room is lost. A later line reports the number of lost lines. */
export class LineWriter {
  readonly #options: LineWriterOptions
  #descriptor: number
  #waiting: Buffer[] = []
  #bytes = 0
  #lost = 0
  #hasFailed = false
  #retry: Timer | undefined

  constructor(descriptor: number, options: LineWriterOptions) {
    this.#descriptor = descriptor
    this.#options = options
  }

  /** Returns false if the line is lost. The line must end with a line feed. */
  write(line: string, matters = false): boolean {
    const bytes = Buffer.from(line)
    const room = matters ? mostBytes : this.#lost > 0 ? 0 : mostBytes - reservedBytes
    if (this.#bytes + bytes.length > room) {
      this.#lost += 1
      return false
    }
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    if (this.#retry === undefined) this.#flush()
    return true
  }

  /** Tries once to write all waiting lines. */
  flush(): void {
    this.#retry?.cancel()
    this.#flush()
  }

  moveTo(descriptor: number): void {
    this.flush()
    const before = this.#descriptor
    this.#descriptor = descriptor
    // On a full network disk, `close` fails. The descriptor is closed nevertheless, and its number is used again.
    attempt(() => closeSync(before))
    this.flush()
  }

  #flush(): void {
    this.#retry = undefined
    const { clock = systemClock, writeTo = writeSync, onLost } = this.#options
    try {
      while (this.#waiting.length > 0) this.#written(writeTo(this.#descriptor, this.#waiting[0]!))
      this.#hasFailed = false
      const lost = this.#lost
      this.#lost = 0
      if (lost > 0) onLost(lost, this)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const isSlow = code === 'EAGAIN'
      if (!isSlow && !this.#hasFailed) this.#options.onFailure?.(code)
      this.#hasFailed = !isSlow
      this.#retry = clock.after(isSlow ? slowMilliseconds : brokenMilliseconds, () => this.#flush())
    }
  }

  #written(bytes: number): void {
    const [first] = this.#waiting
    this.#bytes -= bytes
    if (bytes < first!.length) this.#waiting[0] = first!.subarray(bytes)
    else this.#waiting.shift()
  }
}
