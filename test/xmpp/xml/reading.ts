import type { Element } from '../../../src/xmpp/xml/element.js'
import { defaultLimits, type XmlLimits } from '../../../src/xmpp/xml/limits.js'
import { Splitter } from '../../../src/xmpp/xml/splitter.js'
import { XmlError, type XmlFault } from '../../../src/xmpp/xml/xml-error.js'

export const header =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

interface ReadingOptions extends Partial<XmlLimits> {
  readonly lenient?: boolean
  readonly onElement?: (reading: Reading) => void
}

/** A stream, with all reports of its splitter. */
export class Reading {
  readonly elements: Element[] = []
  readonly dropped: (Element | undefined)[] = []
  closed = 0
  fault: XmlFault | undefined
  readonly splitter: Splitter

  constructor({ lenient = false, onElement = () => {}, ...limits }: ReadingOptions = {}) {
    this.splitter = new Splitter(
      {
        onElement: element => {
          this.elements.push(element)
          onElement(this)
        },
        onDropped: dropped => void this.dropped.push(dropped),
        onClose: () => {
          this.closed += 1
        },
      },
      { ...defaultLimits, maxStanzaBytes: limits.maxElementBytes ?? defaultLimits.maxStanzaBytes, ...limits },
      { lenient },
    )
  }

  get drops(): number {
    return this.dropped.length
  }

  get texts(): string[] {
    return this.elements.map(({ text }) => text)
  }

  /** Notes an `XmlError`, and rethrows other errors. */
  write(chunk: string | Buffer): this {
    try {
      this.splitter.write(Buffer.from(chunk as string))
    } catch (error) {
      if (!(error instanceof XmlError)) throw error
      this.fault = error.fault
    }
    return this
  }
}

/** `size`: longest chunk, in bytes. */
export function read(
  text: string | Buffer,
  { size = Number.POSITIVE_INFINITY, ...options }: ReadingOptions & { readonly size?: number } = {},
): Reading {
  const reading = new Reading(options)
  const bytes = Buffer.from(text as string)
  for (let at = 0; at < bytes.length; at += size) reading.write(bytes.subarray(at, Math.min(bytes.length, at + size)))
  return reading
}
