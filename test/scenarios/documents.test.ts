// The documents of the package as pages of the service.
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { problems } from '../../src/lib/errors.js'
import { ask } from '../support/http-answer.js'
import { adminHeader, startTestService, type TestService } from '../support/start-service.js'
import { isXhtml } from '../support/xhtml.js'

describe('the documents of the admin pages', () => {
  let service: TestService

  beforeAll(async () => {
    service = await startTestService()
  })

  afterAll(async () => service?.stop())

  const get = (path: string, headers: Record<string, string> = { Authorization: adminHeader }) =>
    ask(service.url + path, { headers })

  test('are well-formed pages with scripts of the service only, whose links lead to pages and sections, and each error is a section', async () => {
    const folder = '/warm/docs/'
    const pages = new Map<string, string>()
    const broken: string[] = []
    const waiting = [folder]
    for (const path of waiting) {
      if (pages.has(path)) continue
      const { status, text, headers } = await get(path)
      expect([path, status, headers['content-security-policy']]).toEqual([
        path,
        200,
        expect.stringContaining(
          "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'; script-src 'self';",
        ),
      ])
      expect([path, isXhtml(text)]).toEqual([path, true])
      const outsideCode = text.replaceAll(/<code>[^<]*<\/code>/g, '')
      const scripts = Array.from(outsideCode.matchAll(/<script type="text\/javascript" src="([^"]+)"><\/script>/g))
      expect(scripts.map(([, src]) => src)).toEqual(['/assets/copy.js', '/assets/docs.js'])
      expect(outsideCode.match(/<script/g)).toHaveLength(2)
      expect(outsideCode).not.toMatch(/<style| style=| on\w+=|<iframe|<img/)
      const ids = Array.from(text.matchAll(/ id="([^"]+)"/g), ([, id]) => id!)
      expect([path, ids.filter((id, index) => ids.indexOf(id) !== index)]).toEqual([path, []])
      if (path.endsWith('/errors')) expect(ids).toEqual(expect.arrayContaining(Object.keys(problems)))
      pages.set(path, text)
      for (const [, href] of text.matchAll(/<a href="([^"]+)"/g)) {
        const { origin, pathname } = new URL(href!, service.url + path)
        if (origin === service.url && pathname.startsWith(folder)) waiting.push(pathname)
      }
    }
    for (const [path, text] of pages) {
      for (const [, href] of text.matchAll(/<a href="([^"]+)"/g)) {
        const { origin, pathname, hash } = new URL(href!, service.url + path)
        const target = origin === service.url ? pages.get(pathname) : undefined
        const anchor = decodeURIComponent(hash.slice(1))
        if (target !== undefined && anchor !== '' && !target.includes(` id="${anchor}"`))
          broken.push(`${path}: ${href}`)
      }
    }
    expect(broken).toEqual([])
    const names = readdirSync('docs').map(file => folder + file.replace(/\.md$/, ''))
    expect([...pages.keys()].sort()).toEqual(
      [folder, ...names, ...['changelog', 'security'].map(name => folder + name)].sort(),
    )
  })

  test('need the credentials of an admin', async () => {
    for (const name of ['settings', 'search.json']) expect((await get(`/warm/docs/${name}`, {})).status).toBe(401)
    const { status, text } = await get('/warm/docs/settings')
    expect(status).toBe(200)
    expect(text).toContain('<title>Every setting · Warm Bindings</title>')
    expect(text).toContain('<a href="/warm/docs/" aria-current="page">Docs</a>')
    expect(text).toContain('<a href="/warm/docs/settings" aria-current="page">Every setting</a>')
    expect(text.match(/<p class="group">.*<\/p>/g)?.slice(0, 3)).toEqual(
      ['For portals', 'For operators', 'About'].map(group => `<p class="group">${group}</p>`),
    )
    const { text: numbers } = await get('/warm/numbers', { Authorization: adminHeader, Accept: 'text/html' })
    const [, limit] = /Limit: <a href="\/warm\/docs\/settings#(MAX_SESSIONS)">/.exec(numbers)!
    expect(text).toContain(`<li id="${limit}">`)
  })

  test('are at /warm/docs/, and unknown names get 404', async () => {
    const { status, headers } = await get('/warm/docs')
    expect([status, headers.location]).toEqual([302, '/warm/docs/'])
    for (const name of ['nothing', 'settings/', '..%2fpackage', '__proto__', 'constructor'])
      expect([name, (await get(`/warm/docs/${name}`)).status]).toEqual([name, 404])
  })
})
