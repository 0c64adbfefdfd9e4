import { readFileSync } from 'node:fs'
import { attempt } from '../../lib/attempt.js'

interface Document {
  readonly title: string
  /** Empty for the README. */
  readonly group: string
  readonly contents: readonly { readonly anchor: string; readonly text: string }[]
  /** Title and text before the first heading, in XHTML. */
  readonly intro: string
  /** In XHTML. */
  readonly body: string
}

/** `build-docs.js` writes this file, which is missing before the first build. */
const file = new URL('../../../dist/docs.json', import.meta.url)

/** Keys are the last parts of paths. The README's key is empty. */
export const documents: ReadonlyMap<string, Document> = new Map(
  Object.entries(attempt(() => JSON.parse(readFileSync(file, 'utf8')) as Record<string, Document>) ?? {}),
)

/** For the search. A section begins at each heading, setting and error. At the beginning of a document, `anchor` is empty. */
export const documentSections = () =>
  [...documents].flatMap(([page, { title, intro, body }]) =>
    `${intro}${body}`.split(/(?=<(?:h\d|li|tr) id=")/).map(part => {
      const [, element = 'h1', id = ''] = /^<(\w+) id="([^"]*)"/.exec(part) ?? []
      if (element === 'h1') return { page, title, anchor: '', heading: title, text: textIn(part) }
      const end = element.startsWith('h') ? part.indexOf(`</${element}>`) : 0
      const heading = end === 0 ? id : textIn(part.slice(0, end))
      return { page, title, anchor: id, heading, text: textIn(part.slice(end)) }
    }),
  )

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
