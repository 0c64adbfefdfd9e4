import type { Answer } from '../http/answers/answer.js'
import { documents } from '../http/answers/documents.js'
import { Problem } from '../lib/errors.js'
import type { AdminPage, PageCall } from './admin-page.js'

/** The README is at `/docs/`, because relative links need the slash. */
export const docsPath = /^\/docs(?:\/([a-z-]*))?$/

/** `folder` is the path of the README. */
export function docsPage(folder: string, page: AdminPage, call: PageCall): Answer {
  const { 0: name } = call.request.params
  if (name === undefined && documents.size > 0) return { status: 302, headers: { Location: folder }, body: '' }
  const document = documents.get(String(name))
  if (document === undefined) throw new Problem('not-found')
  const links = Array.from(documents, ([each, { title, group }]) => ({
    href: folder + each,
    text: title,
    group,
    isCurrent: each === name,
  }))
  const names = [...new Set(links.map(({ group }) => group))]
  const groups = names.map(group => ({ group, links: links.filter(link => link.group === group) }))
  const { title, contents, intro, body } = document
  return page('docs', 'docs', call, { title, contents, intro, body, groups })
}
