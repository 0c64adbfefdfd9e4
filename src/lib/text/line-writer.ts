import { closeSync, writeSync } from 'node:fs'
import { type Clock, systemClock, type Timer } from '../clock.js'

/** The most bytes that wait for a slow reader, and how many of them are reserved for lines that matter. */
const mostBytes = 2 ** 20
const reservedBytes = 2 ** 18
/** Pauses before a slow reader, or a full disk, is tried again, in milliseconds. */
const slowMilliseconds = 20
const brokenMilliseconds = 1_000

export interface LineWriterOptions {
  /** Makes the line that says how many lines were lost. */
  readonly lostLine: (lost: number) => string
  /** Called with the code of the error when lines can no longer be written, as on a full disk; a slow reader is no error. */
  readonly onFailure?: (code: string | undefined) => void
  readonly clock?: Pick<Clock, 'after'>
  /** Writes as `fs.writeSync` does. */
  readonly writeTo?: (descriptor: number, bytes: Buffer) => number
}

/**
 * Writes lines to a descriptor, and neither throws nor waits for its reader. Up to 768 KiB of lines wait for a slow reader.
 * Further lines are lost until all of these are written. One line then has the number of lost lines. Lines that matter wait up to
 * 1 MiB, and are kept while others are lost.
 */
export class LineWriter {
  readonly #options: LineWriterOptions
  #descriptor: number
  /** The first may be the rest of a line. */
  #waiting: Buffer[] = []
  #bytes = 0
  #lost = 0
  #hasFailed = false
  #retry: Timer | undefined

  constructor(descriptor: number, options: LineWriterOptions) {
    this.#descriptor = descriptor
    this.#options = options
  }

  /** Writes a line with its line feed. Returns false if it is lost. A line that `matters` uses the reserved bytes, too. */
  write(line: string, matters = false): boolean {
    const bytes = Buffer.from(line)
    const room = matters ? mostBytes : this.#lost > 0 ? 0 : mostBytes - reservedBytes
    if (this.#bytes + bytes.length > room) {
      this.#lost += 1
      return false
    }
    this.#add(bytes)
    if (this.#retry === undefined) this.#flush()
    return true
  }

  /** Tries once to write the waiting lines, before the process ends. */
  flush(): void {
    this.#retry?.cancel()
    this.#flush()
  }

  /** Writes to another descriptor from now on, and closes this one. */
  moveTo(descriptor: number): void {
    this.flush()
    closeSync(this.#descriptor)
    this.#descriptor = descriptor
    this.flush()
  }

  #add(bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
  }

  #flush(): void {
    this.#retry = undefined
    const { clock = systemClock, writeTo = writeSync, lostLine } = this.#options
    try {
      for (;;) {
        while (this.#waiting.length > 0) this.#written(writeTo(this.#descriptor, this.#waiting[0]!))
        this.#hasFailed = false
        if (this.#lost === 0) return
        this.#add(Buffer.from(lostLine(this.#lost)))
        this.#lost = 0
      }
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
