import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** The doors of src/ from the top down: a file may import from its own door and from those below it. */
const storeys = [
  ['main'],
  ['command', 'library'],
  ['demo'],
  ['service'],
  ['watching'],
  ['warm', 'browsers', 'remote'],
  ['forwarding'],
  ['http', 'session'],
  ['events'],
  ['outgoing'],
  ['servers'],
  ['config'],
  ['store'],
  ['xmpp'],
  ['lib'],
  ['packages'],
]

/** The same within these doors: folders, and files beside them. */
const innerStoreys: Readonly<Record<string, readonly (readonly string[])[]>> = {
  http: [['listening'], ['answers'], ['addresses'], ['access'], ['bodies'], ['fast']],
  servers: [['c2s', 'login'], ['net']],
}

const bench = fileURLToPath(new URL('../bench/', import.meta.url))

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map(file => file.slice(0, -3))

const files = filesOf(source)

const partOf = (file: string) => file.split('/')[0]!
const innerPartOf = (file: string) => file.split('/')[1]!

function importsOf(file: string, folder = source): string[] {
  const text = readFileSync(join(folder, `${file}.ts`), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)].map(([, path]) =>
    normalize(join(dirname(file), path!)),
  )
}

function upwardImports(
  files: readonly string[],
  storeys: readonly (readonly string[])[],
  partOf: (file: string) => string,
): readonly string[] {
  const storey = (file: string) => storeys.findIndex(parts => parts.includes(partOf(file)))
  return files.flatMap(file =>
    importsOf(file)
      .filter(other => files.includes(other) && partOf(other) !== partOf(file) && storey(other) <= storey(file))
      .map(other => `${file} imports ${other}`),
  )
}

test('each part belongs to one layer', () => {
  const known = storeys.flat()
  expect(files.map(partOf).filter(part => !known.includes(part))).toEqual([])
})

test('each file name occurs once', () => {
  const names = files.map(file => basename(file))
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})

test('imports point down', () => {
  expect(upwardImports(files, storeys, partOf)).toEqual([])
})

test.each(Object.entries(innerStoreys))('imports within %s/ point down', (part, inner) => {
  const own = files.filter(file => partOf(file) === part)
  const known = inner.flat()
  expect(own.map(innerPartOf).filter(each => !known.includes(each))).toEqual([])
  expect(upwardImports(own, inner, innerPartOf)).toEqual([])
})

test.each([
  ['src', source],
  ['bench', bench],
])('no two files in %s import each other, directly or through other files', (_name, folder) => {
  const inFolder = filesOf(folder)
  const state = new Map<string, 'open' | 'done'>()
  const circles: string[] = []
  const visit = (file: string, way: string[]) => {
    if (state.get(file) === 'done') return
    if (state.get(file) === 'open') {
      circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
      return
    }
    state.set(file, 'open')
    const others = importsOf(file, folder).filter(other => inFolder.includes(other))
    for (const other of others) visit(other, [...way, file])
    state.set(file, 'done')
  }
  for (const file of inFolder) visit(file, [])
  expect(circles).toEqual([])
})

test('only these files use undocumented parts of Node.js', () => {
  const patched = /\b\w+\.(?:push|send|emit|destroySoon) = /
  const reaching = files
    .filter(file => {
      if (file.startsWith('packages/browser/')) return false
      const text = readFileSync(join(source, `${file}.ts`), 'utf8')
      return /\w\??\._(?!tcp)[a-z]|\{ _\w+: /.test(text) || patched.test(text)
    })
    .map(file => file.replace(/^http\/fast\/.*/, 'http/fast/'))
  expect([...new Set(reaching)].sort()).toEqual(['http/bodies/lingering-close', 'http/fast/', 'lib/paced'])
})

test('HTTP requests to others use the connections of outgoing/', () => {
  const reads = (pattern: RegExp) =>
    files.filter(file => pattern.test(readFileSync(join(source, `${file}.ts`), 'utf8')))
  const others = (found: readonly string[]) => found.filter(file => !/^(outgoing|packages)\//.test(file))
  expect(others(reads(/\bAgent\(|\bglobalAgent\b|\bundici\b/))).toEqual([])
  const requesting = /import (?:\* as https?|\{[^}]*\b(?:request|get)\b[^}]*\}) from 'node:https?'/
  // The health check and the demo ask only the service itself. The others use agents of outgoing/.
  const ofItself = ['command/health-check', 'demo/router']
  expect(others(reads(requesting)).sort()).toEqual([...ofItself, 'events/post', 'remote/http-request'])
})

test('the store imports only lib/ and xmpp/jid/', () => {
  const outside = files
    .filter(file => file.startsWith('store/'))
    .flatMap(file => importsOf(file).filter(other => !/^(store|lib|xmpp\/jid)\//.test(other)))
  expect(outside).toEqual([])
})

describe('the XML part', () => {
  test('imports no other part of the service', () => {
    const outside = files
      .filter(file => file.startsWith('xmpp/xml/'))
      .flatMap(file => importsOf(file).filter(other => !other.startsWith('xmpp/xml/')))
    expect(outside).toEqual([])
  })
})

test('the exports for backends import no other part of the service', () => {
  const outside = files
    .filter(file => file.startsWith('packages/client/'))
    .flatMap(file =>
      Array.from(
        readFileSync(join(source, `${file}.ts`), 'utf8').matchAll(/(?:from|import\()\s*'((?!\.\/|node:)[^']+)'/g),
        ([, name]) => `${file} imports ${name}`,
      ),
    )
  expect(outside).toEqual([])
})

describe('the code of a session', () => {
  const ofSession = files.filter(file => file.startsWith('session/'))

  test('imports no transport, and no code that connects to XMPP servers', () => {
    const known = ofSession
      .flatMap(file => importsOf(file))
      .filter(other => /^(browsers|http|servers|remote|warm)\//.test(other))
    expect(known).toEqual([])
  })

  test('does not mention request ids, bodies or HTTP', () => {
    const transports = /\b[Rr]ids?\b|<body|\bIncomingMessage\b|\bResponse\b/
    const mentioning = ofSession.filter(file => transports.test(readFileSync(join(source, `${file}.ts`), 'utf8')))
    expect(mentioning).toEqual([])
  })
})
