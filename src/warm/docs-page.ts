import type { Request } from 'express'
import type { Admin } from '../config/config.js'
import { type Answer, pageAnswer } from '../http/answers/answer.js'
import { documents } from '../http/answers/documents.js'
import { type NavigationSettings, navigation } from '../http/answers/navigation.js'
import { negotiate } from '../http/answers/negotiation.js'
import { Problem } from '../lib/errors.js'
import { hiddenFrom } from './calls.js'

/** The README is at `/docs/`, because relative links need the slash. */
export const docsPath = /^\/docs(?:\/([a-z-]*))?$/

export function docsPage(config: NavigationSettings, request: Request, admin: Admin): Answer {
  const { 0: name } = request.params
  const bar = navigation(config, request.headers, 'docs', hiddenFrom(admin))
  const folder = `${bar.home}${config.warmPath}/docs/`
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
  const values = { title, contents, intro, body, groups, home: bar.home, navigation: bar }
  return pageAnswer('docs', values, negotiate(request.headers))
}
