import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { parseSync } from '@swc/core'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** The doors of src/ from the top down: a file may import from its own door and from those below it. */
const storeys = [
  ['main'],
  ['command', 'library'],
  ['service'],
  ['watching'],
  ['warm', 'browsers', 'remote'],
  ['forwarding'],
  ['http', 'session'],
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

const mostLines = 80

const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map(file => file.slice(0, -3))

const files = filesOf(source)

const partOf = (file: string) => file.split('/')[0]!
const innerPartOf = (file: string) => file.split('/')[1]!

const textOf = (file: string, folder = source) => readFileSync(join(folder, `${file}.ts`), 'utf8')
const importsOf = (file: string) => importsIn(textOf(file), file)

function importsIn(text: string, file: string): string[] {
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)].map(([, path]) =>
    normalize(join(dirname(file), path!)),
  )
}

/** Without types of the same part: a class and its neighbours may know each other's types. */
function importsOfValues(file: string, folder: string): string[] {
  const text = textOf(file, folder)
  const values = importsIn(text.replaceAll(/^import type [^']*'[^']*'$/gm, ''), file)
  return importsIn(text, file).filter(other => partOf(other) !== partOf(file) || values.includes(other))
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
    const others = importsOfValues(file, folder).filter(other => inFolder.includes(other))
    for (const other of others) visit(other, [...way, file])
    state.set(file, 'done')
  }
  for (const file of inFolder) visit(file, [])
  expect(circles).toEqual([])
})

/** Includes functions within functions, and methods. In SWC's trees, only functions have `params` and `body`. */
function longFunctions(file: string): readonly string[] {
  const text = Buffer.from(textOf(file))
  const found: string[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if ('params' in node && 'body' in node && 'span' in node) {
      // In bytes, and the first is 1.
      const { start, end } = node.span as { readonly start: number; readonly end: number }
      const lines = text
        .subarray(start - 1, end - 1)
        .toString()
        .split('\n')
      if (lines.length > mostLines) found.push(`${file}: ${lines.length} lines from ${lines[0]}`)
    }
    Object.values(node).forEach(visit)
  }
  visit(parseSync(text.toString(), { syntax: 'typescript', target: 'es2022' }))
  return found
}

test('no file is longer than 400 lines', () => {
  const lengthOf = (file: string) => textOf(file).split('\n').length - 1
  expect(files.filter(file => lengthOf(file) > 400)).toEqual([])
})

test('no function is longer than 80 lines', () => {
  expect(files.flatMap(longFunctions)).toEqual([])
})

test('dependencies are written out, never spread', () => {
  const spreads = /^.*(?:\{|^) *\.\.\.(?:this\.#)?\w*[pP]arts(?![.\w]).*$/gm
  const found = files.flatMap(file => textOf(file).match(spreads) ?? [])
  expect(found).toEqual([])
})

test('only these files use undocumented parts of Node.js', () => {
  const patched = /\b\w+\.(?:push|send|emit|destroySoon) = /
  const reaching = files
    .filter(file => {
      if (file.startsWith('packages/browser/')) return false
      const text = textOf(file)
      return /\w\??\._(?!tcp)[a-z]|\{ _\w+: /.test(text) || patched.test(text)
    })
    .map(file => file.replace(/^http\/fast\/.*/, 'http/fast/'))
  expect([...new Set(reaching)].sort()).toEqual(['http/bodies/lingering-close', 'http/fast/', 'lib/paced'])
})

test('HTTP requests to others use the connections of servers/net/', () => {
  const reads = (pattern: RegExp) => files.filter(file => pattern.test(textOf(file)))
  const others = (found: readonly string[]) => found.filter(file => !/^(servers\/net|packages)\//.test(file))
  expect(others(reads(/\bAgent\(|\bglobalAgent\b|\bundici\b/))).toEqual([])
  const requesting = /import (?:\* as https?|\{[^}]*\b(?:request|get)\b[^}]*\}) from 'node:https?'/
  // The health check and the demo ask only the service itself. The others use agents of servers/net/.
  const ofItself = ['command/demo/router', 'command/health-check']
  expect(others(reads(requesting)).sort()).toEqual([...ofItself, 'remote/http-request', 'warm/events/post'])
})

test.each([
  ['store/', /^(store|lib|xmpp\/jid)\//],
  ['xmpp/xml/', /^xmpp\/xml\//],
  // No transport, and no code that connects to XMPP servers.
  ['session/', /^(?!(browsers|http|servers|remote|warm)\/)/],
])('%s imports only %s', (part, known) => {
  const outside = files.filter(file => file.startsWith(part)).flatMap(importsOf)
  expect(outside.filter(other => !known.test(other))).toEqual([])
})

test('the exports for backends import no other part of the service', () => {
  const outside = files
    .filter(file => file.startsWith('packages/client/'))
    .flatMap(file =>
      Array.from(
        textOf(file).matchAll(/(?:from|import\()\s*'((?!\.\/|node:)[^']+)'/g),
        ([, name]) => `${file} imports ${name}`,
      ),
    )
  expect(outside).toEqual([])
})

test('the code of a session does not mention request ids, bodies or HTTP', () => {
  const transports = /\b[Rr]ids?\b|<body|\bIncomingMessage\b|\bResponse\b/
  expect(files.filter(file => file.startsWith('session/') && transports.test(textOf(file)))).toEqual([])
})
