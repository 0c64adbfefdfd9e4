import type { Document } from './documents.js'

/** A section begins at each heading, setting and error. */
export interface Section {
  /** The key of the document. */
  readonly page: string
  readonly title: string
  /** Empty at the beginning of a document. */
  readonly anchor: string
  readonly heading: string
  readonly text: string
}

export function sectionsOf(documents: ReadonlyMap<string, Document>): Section[] {
  return [...documents].flatMap(([page, { title, intro, body }]) =>
    `${intro}${body}`.split(/(?=<(?:h\d|li|tr) id=")/).map(part => {
      const [, element = 'h1', id = ''] = /^<(\w+) id="([^"]*)"/.exec(part) ?? []
      if (element === 'h1') return { page, title, anchor: '', heading: title, text: textIn(part) }
      const end = element.startsWith('h') ? part.indexOf(`</${element}>`) : 0
      const heading = end === 0 ? id : textIn(part.slice(0, end))
      return { page, title, anchor: id, heading, text: textIn(part.slice(end)) }
    }),
  )
}

const characters: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}

const endOfBlock = /^\/(?:td|th|li|p|pre|h\d)>/

function textIn(xhtml: string): string {
  const [before = '', ...tags] = xhtml.split('<')
  const texts = tags.map(tag => {
    if (tag.startsWith('a class="anchor"')) return ''
    return (endOfBlock.test(tag) ? ' ' : '') + tag.slice(tag.indexOf('>') + 1)
  })
  return [before, ...texts]
    .join('')
    .replaceAll(/&(?:amp|lt|gt|quot|#39);/g, entity => characters[entity]!)
    .replaceAll(/\s+/g, ' ')
    .trim()
}
