import { SaxesParser } from 'saxes'

/** Whether a page is well-formed XML in XHTML's namespace. Throws where it is not well-formed. */
export function isXhtml(page: string): boolean {
  const parser = new SaxesParser({ xmlns: true })
  let root: string | undefined
  parser.on('error', error => {
    throw error
  })
  parser.on('opentag', tag => {
    root ??= `${tag.uri} ${tag.local}`
  })
  parser.write(page).close()
  return root === 'http://www.w3.org/1999/xhtml html'
}
