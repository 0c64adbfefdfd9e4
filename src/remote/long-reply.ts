import type { Fate } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits } from '../xml/limits.js'
import { type Sink, Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'

/**
 * Reads a reply that is too long to be kept whole. Any user of the server can cause one, since the endpoint passes on what
 * they send. It is read as it comes; elements that are too large, or that there is no more room for, are left out.
 * `maxLength` is in UTF-16 units. `write` and `end` throw an `XmlError`.
 */
export function longReply(maxLength: number) {
  const fates: Fate[] = []
  let body = ''
  let endTag = ''
  let isWhole = false
  const sink: Sink = {
    onOpen({ qualifiedName, names, values }) {
      // As it was, spaces and quotes aside.
      const attributes = names.map((name, index) => ` ${name}='${escapeXml(values[index]!)}'`).join('')
      body = `<${qualifiedName}${attributes}>`
      endTag = `</${qualifiedName}>`
    },
    onElement({ text }) {
      if (body.length + text.length > maxLength) fates.push('dropped')
      else body += text
    },
    onUnfit: fate => void fates.push(fate),
    onClose() {
      isWhole = true
    },
  }
  const splitter = new Splitter(sink, defaultLimits, { lenient: true })
  return {
    write: (chunk: Buffer) => splitter.write(chunk),
    /** The reply without those elements, and what became of them. */
    end(): { readonly body: string; readonly fates: readonly Fate[] } {
      if (!isWhole) throw new XmlError('not-well-formed', 'the reply breaks off')
      return { body: body + endTag, fates }
    },
  }
}
