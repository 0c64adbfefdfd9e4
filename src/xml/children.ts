import { SaxesParser } from 'saxes'
import { readElement } from './document.js'
import { plain } from './plain.js'
import type { Element } from './scanner.js'

/** The children of an element, each made independent of it. For text that has been read before. */
export function childrenOf(text: string): readonly Element[] {
  return readElement(text).children
}

/** The text of an element that has no children. For text that has been read before. */
export function textOf(text: string): string {
  return plain.readText(text) ?? parseText(text)
}

function parseText(text: string): string {
  try {
    parser.write(text).close()
    return content
  } catch (error) {
    // Nobody knows where in the text it stands.
    parser = createParser()
    throw error
  } finally {
    // A password may be in it.
    content = ''
  }
}

let content = ''

/** One for all, since making a parser costs more than most elements. */
let parser = createParser()

function createParser(): SaxesParser {
  const created = new SaxesParser({ position: false })
  const add = (part: string) => {
    content += part
  }
  created.on('text', add)
  created.on('cdata', add)
  return created
}
