// The names that semantic versioning covers, as they are now: a line each, `metric warm_bindings_sessions state`.

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { usage } from '../src/command/help.js'
import { loadConfig } from '../src/config/load.js'
import { settings } from '../src/config/settings.js'
import { Counts, endReasons, eventTypes } from '../src/lib/counts.js'
import { problems, steps } from '../src/lib/errors.js'
import { describeApi } from '../src/warm/openapi/describe-api.js'
import { LastReload } from '../src/watching/last-reload.js'
import { createMetrics, prefix } from '../src/watching/metrics.js'
import { rowsOf, type Sources } from '../src/watching/rows.js'
import { methods, type Part } from './support/api-document.js'
import { generatedFile } from './support/generated-file.js'
import { sourcesOf } from './watching/metric-sources.js'

const file = 'test/cases/promises/2.txt'

test('no name that version 2 promises is removed, and `npm run promises` has added each new name', async () => {
  const now = await promisedNames(sourcesOf())
  const promised = generatedFile(file, `${now.join('\n')}\n`)
    .trim()
    .split('\n')
  expect(promised.filter(name => !now.includes(name))).toEqual([])
  expect(now.filter(name => !promised.includes(name))).toEqual([])
})

async function promisedNames(sources: Sources): Promise<string[]> {
  const names = [
    ...Object.keys(settings).map(name => `setting ${name}`),
    ...(usage.match(/(?<=^ +warm-bindings )[\w-]+(?: JID)?|(?<![\w-])--[a-z-]+/gm) ?? []).map(
      word => `command ${word}`,
    ),
    ...Object.entries(problems).map(([code, { status }]) => `error ${status} ${code}`),
    ...steps.map(step => `step ${step}`),
    ...eventTypes.map(type => `event ${type}`),
    ...endReasons.map(reason => `reason ${reason}`),
    ...callNames(),
    ...(await metricNames(sources)),
    ...exportNames(),
  ]
  return [...new Set(names)].sort()
}

function callNames(): string[] {
  const { config } = loadConfig({
    ADMIN_USERS: 'portal:a-secret',
    XMPP_DOMAINS: 'example.org',
    XMPP_SERVICE_ACCOUNTS: 'example.org=portal:another-secret',
    PAGE_ORIGINS: 'https://www.example.org',
    PAGE_TOKEN_JWKS: 'https://id.example.org/keys',
    PAGE_TOKEN_ISSUER: 'https://id.example.org',
    PAGE_TOKEN_JID: '{sub}@example.org',
    PAGE_TOKEN_AUDIENCE: 'chat',
  })
  const { paths, components }: Part = describeApi(config)
  const calls = Object.entries<Part>(paths).flatMap(([path, item]) =>
    methods
      .filter(method => method in item)
      .flatMap(method => {
        const call = `call ${method.toUpperCase()} ${path}`
        const { parameters = [], responses } = item[method]
        return [
          call,
          ...parameters.map(({ name }: Part) => `${call} ?${name}`),
          ...Object.keys(responses).map(status => `${call} ${status}`),
        ]
      }),
  )
  const fields = Object.entries<Part>(components.schemas).flatMap(([name, schema]) => fieldsOf(`field ${name}`, schema))
  return [...calls, ...fields]
}

function fieldsOf(place: string, schema: Part): string[] {
  const inside = Object.entries<Part>(schema.properties ?? {}).flatMap(([name, property]) => [
    `${place}.${name}`,
    ...fieldsOf(`${place}.${name}`, property),
  ])
  const parts = [schema.items ?? [], schema.oneOf ?? [], schema.anyOf ?? [], schema.allOf ?? []].flat()
  return [...inside, ...parts.flatMap((part: Part) => fieldsOf(place, part))]
}

async function metricNames(sources: Sources): Promise<string[]> {
  const text = await createMetrics({ ...sources, counts: new Counts(), lastReload: new LastReload() }).text()
  const own = rowsOf(sources).map(({ name, type, labels }) => ['metric', prefix + name, type, ...labels].join(' '))
  const others = Array.from(text.matchAll(/^# TYPE (warm_bindings_\S+ \S+)$/gm), ([, name]) => `metric ${name}`)
  return [...own, ...others.filter(other => !own.some(row => `${row} `.startsWith(`${other} `)))]
}

const modules = {
  'warm-bindings': 'src/library.ts',
  'warm-bindings/client': 'src/packages/client/warm-bindings.ts',
  'warm-bindings/browser': 'src/packages/browser/connect.ts',
  'warm-bindings/more': 'src/packages/browser/more.ts',
  'warm-bindings/converse': 'src/packages/browser/converse.ts',
}

/** What the modules export, with the members of each interface and class. The fields of answers are `field` above. */
function exportNames(): string[] {
  return Object.entries(modules).flatMap(([module, file]) => {
    const text = read(file)
    const declared = Array.from(text.matchAll(/^export (?:async )?(?:function|interface|type|class) (\w+)/gm))
    const passedOn = Array.from(text.matchAll(/^export (?:type )?\{([^}]*)\}/gm), ([, list]) => list!.split(','))
    const names = [
      ...declared.map(([, name]) => name!),
      ...passedOn.flat().map(name => name.replace('type ', '').trim()),
    ]
    return names.flatMap(name => [name, ...membersOf(name)].map(member => `export ${module} ${member}`))
  })
}

const sources = readdirSync(folder('src/packages'), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => read(`src/packages/${file}`))
  .concat(read('src/library.ts'))

function membersOf(type: string): string[] {
  const start = new RegExp(`^export (?:interface|class|type) ${type}\\b.*{\n((?: {2}.*\n|\n)*)}`, 'm')
  const [, body = ''] = sources.map(text => start.exec(text)).find(found => found !== null) ?? []
  return Array.from(body.matchAll(/^ {2}(?:readonly |async )*(\w+)[?<(:]/gm), ([, name]) => `${type}.${name}`).filter(
    member => !member.endsWith('.constructor'),
  )
}

function folder(path: string): URL {
  return new URL(`../${path}/`, import.meta.url)
}

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}
