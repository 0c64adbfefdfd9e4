// The documents refer to each other, to files of this repository and to settings: none of these may be missing.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { settings } from '../src/config/settings.js'
import { formerSettings } from '../src/config/unknown-names.js'
import { endReasons } from '../src/lib/counts.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(root, 'docs'))
    .filter(file => file.endsWith('.md'))
    .map(file => `docs/${file}`),
]
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const withoutCode = (text: string) => text.replaceAll(/^```.*?^```$/gms, '')

/** The anchors that headings get where Markdown is shown as a page. */
function anchorsOf(text: string): string[] {
  return Array.from(withoutCode(text).matchAll(/^#+ (.+)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(documents)('%s', path => {
  const text = read(path)

  test('has no broken links', () => {
    const links = Array.from(withoutCode(text).matchAll(/\]\(([^)]+)\)/g), ([, link]) => link!)
    const broken = links
      .filter(link => !/^https?:/.test(link))
      .filter(link => {
        const [file = '', anchor] = link.split('#')
        const target = file === '' ? path : relative(root, join(root, dirname(path), file))
        if (!existsSync(join(root, target))) return true
        return anchor !== undefined && !anchorsOf(read(target)).includes(anchor)
      })
    expect(broken).toEqual([])
  })

  test('names only existing files', () => {
    const named = Array.from(
      text.matchAll(/`((?:src|bench|test|docs|deploy|examples)\/[\w./-]+\.[a-z]+)`/g),
      ([, file]) => file!,
    )
    expect(named.filter(file => !existsSync(join(root, file)))).toEqual([])
  })

  test('names only existing settings', () => {
    const known = new Set(Object.keys(settings))
    const prefixes =
      /^(?:ADMIN|ATTACH|BOSH|CORS|EVENTS|HOST|HTTP|HTTPS|LISTEN|LOG|MAX|METRICS|RATE|REMOTE|SCRAM|TLS|TRUSTED|WARM|XMPP)_/
    // The portal's own settings, in its example, the headers of events as PHP names them, and a former setting.
    const portals = new Set([
      ...['WARM_URL', 'WARM_USER', 'WARM_PASSWORD', 'WARM_ACCOUNT'],
      ...['HTTP_WEBHOOK_ID', 'HTTP_WEBHOOK_TIMESTAMP', 'HTTP_WEBHOOK_SIGNATURE'],
      ...(path === 'CHANGELOG.md' ? formerSettings : []),
    ])
    const named = new Set(text.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g))
    expect([...named].filter(name => prefixes.test(name) && !known.has(name) && !portals.has(name))).toEqual([])
  })
})

test('the paths through the code in docs/architecture.md name existing files', () => {
  const text = read('docs/architecture.md')
  const files = Array.from(
    text.matchAll(/(?:^ {2}|→ |\()([a-z0-9]+(?:\/[a-z0-9-]+)+)(?= {2}|:|\))/gm),
    ([, file]) => file!,
  )
  expect(files.length).toBeGreaterThan(20)
  expect(
    files.filter(file => !existsSync(join(root, `src/${file}.ts`)) && !existsSync(join(root, 'src', file))),
  ).toEqual([])
})

test('the tables of docs/architecture.md name existing files and exports', () => {
  const wrong: string[] = []
  for (const row of read('docs/architecture.md').match(/^\|.*\|$/gm) ?? []) {
    let folder = 'src'
    for (const [text, file, name] of row.matchAll(/`([\w./-]+\.ts)`(?: \(`(\w+)`)?/g)) {
      const path = [`src/${file}`, file!, `${folder}/${file}`].find(
        path => path.includes('/') && existsSync(join(root, path)),
      )
      if (path === undefined || !read(path).includes(name ?? '')) wrong.push(text)
      else folder = dirname(path)
    }
  }
  expect(wrong).toEqual([])
})

test('sections that restart an XMPP server also say how to do it without systemd', () => {
  const sections = documents.flatMap(path => read(path).split(/^(?=#{2,3} )/m))
  const restarts = sections.filter(text => /^systemctl restart (?:prosody|ejabberd)/m.test(text))
  expect(restarts.length).toBeGreaterThan(0)
  expect(restarts.filter(text => !/without systemd/i.test(text)).map(text => text.split('\n', 1)[0])).toEqual([])
})

test('recipes in PHP name the line of php-fpm for each variable that they read', () => {
  for (const file of ['chat.php', 'events.php']) {
    const text = read(`examples/recipes/${file}`)
    const names = Array.from(text.matchAll(/getenv\('(\w+)'\)/g), ([, name]) => name!)
    expect(names.filter(name => !text.includes(`env[${name}] = $${name}`))).toEqual([])
  }
})

test('the npm package has all documents except CONTRIBUTING.md', () => {
  const { files } = JSON.parse(read('package.json')) as { files: string[] }
  // npm packs README and LICENSE whatever is listed.
  const packed = (path: string) =>
    path === 'README.md' || files.some(file => path === file || path.startsWith(`${file}/`))
  expect(documents.filter(path => !packed(path))).toEqual(['CONTRIBUTING.md'])
})

test('docs/coming-from.md has the defaults of the settings', () => {
  const named = [...read('docs/coming-from.md').matchAll(/`([A-Z_]+)` \((\d[\d,]*|[`*\w]+)\)/g)]
  expect(named.length).toBeGreaterThanOrEqual(15)
  const differs = named.filter(([, name, value]) => {
    const usual = settings[name as keyof typeof settings].default
    return value !== 'none' && !value!.startsWith('256') && usual !== value!.replace(/[,`]/g, '')
  })
  expect(differs.map(([text]) => text)).toEqual([])
})

test('docs/runbook.md explains each reason why sessions end', () => {
  const [, table = ''] = read('docs/runbook.md').split('## Why sessions end')
  expect(endReasons.filter(reason => !table.includes(`\`${reason}\``))).toEqual([])
})

test('the README is a short introduction with the two commands', () => {
  const lines = read('README.md').trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(150)
  expect(lines.slice(0, 30).join('\n')).toMatch(/npm ci && npm run demo.*npm ci && npm test/s)
})

test.each(documents)('%s has lines of at most 120 characters', path => {
  const long = read(path)
    .split('\n')
    .filter(line => [...line].length > 120)
  expect(long).toEqual([])
})

/** Words beside code. The bars of tables are not words. */
const wordsOf = (path: string) =>
  read(path)
    .replace(/```[\s\S]*?```/g, '')
    .split(/\s+/)
    .filter(word => /[\p{L}\p{N}]/u.test(word)).length

/** Pages that operators open once, for one question. */
const reference = new Set([
  'docs/runbook.md',
  'docs/capacity.md',
  'docs/coming-from.md',
  'docs/providers.md',
  'docs/scope.md',
  'docs/guests.md',
])

test('all documents together have at most 25,000 words, without code and single-question pages', () => {
  const words = documents.filter(path => path.startsWith('docs/') && !reference.has(path)).map(wordsOf)
  expect(words.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(25_000)
})

test('each page that answers one question has at most 2,000 words', () => {
  expect(documents.filter(path => reference.has(path) && wordsOf(path) > 2000)).toEqual([])
})
