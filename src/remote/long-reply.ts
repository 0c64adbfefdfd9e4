import type { Fate } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits } from '../xml/limits.js'
import type { Root } from '../xml/root.js'
import { Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'

/**
 * A reply that is too long to be kept, which strangers may bring about: the endpoint passes on what they send. It is read as
 * it comes, and of its elements only those are kept that are not too large themselves, and as many as there is room for.
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

  /** What is left of it once all has been read, and what became of the rest. Throws an `XmlError`. */
  end(): { readonly body: string; readonly fates: readonly Fate[] } {
    if (!this.#isWhole) throw new XmlError('not-well-formed', 'the reply breaks off')
    return { body: this.#text + this.#end, fates: this.#fates }
  }
}

/** The start tag as it was, spaces and quotes aside. */
function startTagOf({ qualifiedName, names, values }: Root): string {
  return `<${qualifiedName}${names.map((name, index) => ` ${name}='${escapeXml(values[index]!)}'`).join('')}>`
}
