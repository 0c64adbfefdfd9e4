import type { Fate } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits } from '../xml/limits.js'
import type { Root } from '../xml/root.js'
import { Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'

/**
 * A reply that is too long to be kept whole. Any user of the server can cause one, since the endpoint passes on what they
 * send. It is read as it comes; elements that are too large, or that there is no more room for, are left out.
 */
export class LongReply {
  readonly #splitter: Splitter
  readonly #fates: Fate[] = []
  #text = ''
  #end = ''
  #isWhole = false

  /** Sizes are in UTF-16 units. */
  constructor(maxLength: number) {
    const sink = {
      onOpen: (root: Root) => {
        this.#text = startTagOf(root)
        this.#end = `</${root.qualifiedName}>`
      },
      onElement: ({ text }: { readonly text: string }) => {
        if (this.#text.length + text.length > maxLength) this.#fates.push('dropped')
        else this.#text += text
      },
      onUnfit: (fate: Fate) => void this.#fates.push(fate),
      onClose: () => {
        this.#isWhole = true
      },
    }
    this.#splitter = new Splitter(sink, defaultLimits, { lenient: true })
  }

  /** Throws an `XmlError`. */
  write(chunk: Buffer): void {
    this.#splitter.write(chunk)
  }

  /** The reply without those elements, and what became of them. Throws an `XmlError`. */
  end(): { readonly body: string; readonly fates: readonly Fate[] } {
    if (!this.#isWhole) throw new XmlError('not-well-formed', 'the reply breaks off')
    return { body: this.#text + this.#end, fates: this.#fates }
  }
}

/** The start tag as it was, spaces and quotes aside. */
function startTagOf({ qualifiedName, names, values }: Root): string {
  return `<${qualifiedName}${names.map((name, index) => ` ${name}='${escapeXml(values[index]!)}'`).join('')}>`
}
