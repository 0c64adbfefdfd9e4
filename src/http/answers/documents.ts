import { readFileSync } from 'node:fs'
import { attempt } from '../../lib/attempt.js'

export interface Document {
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
