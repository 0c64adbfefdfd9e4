import { SaxesParser } from 'saxes'
import { readElement } from './document.js'
import type { Element } from './element.js'
import { plain } from './plain.js'

/** The children of an element, each made independent of it. For text that has been read before. */
export function childrenOf(text: string): readonly Element[] {
  return readElement(text).children
}

/** The text of an element that has no children. For text that has been read before. */
export function textOf(text: string): string {
  return plain.readText(text) ?? parseText(text)
}

function parseText(text: string): string {
  let content = ''
  const add = (part: string) => {
    content += part
  }
  const parser = new SaxesParser({ position: false })
  parser.on('text', add)
  parser.on('cdata', add)
  parser.write(text).close()
  return content
}
