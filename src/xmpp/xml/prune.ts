import { SaxesParser } from 'saxes'

export interface Branch {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  /** The element's text, without the children's text. */
  readonly content: string
}

/** Removes elements below the root. The text must have been checked. */
export function prune(text: string, isUnwanted: (branch: Branch) => boolean): string {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: { readonly start: number; content: string }[] = []
  const cuts: { readonly start: number; readonly end: number }[] = []
  const add = (part: string) => {
    const inner = open.at(-1)
    if (inner !== undefined) inner.content += part
  }
  parser.on('text', add)
  parser.on('cdata', add)
  // Attribute values cannot contain `<`, so the last `<` starts the tag.
  parser.on('opentag', () => open.push({ start: text.lastIndexOf('<', parser.position - 1), content: '' }))
  parser.on('closetag', ({ local, uri }) => {
    const { start, content } = open.pop()!
    if (open.length === 0 || !isUnwanted({ name: local, namespace: uri, content })) return
    while (cuts.length > 0 && cuts.at(-1)!.start > start) cuts.pop()
    cuts.push({ start, end: parser.position })
  })
  parser.write(text).close()
  let kept = ''
  let keptFrom = 0
  for (const { start, end } of cuts) {
    kept += text.slice(keptFrom, start)
    keptFrom = end
  }
  return kept + text.slice(keptFrom)
}
