import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { ConfigError, loadConfig } from '../../src/config/load.js'
import type { Setting } from '../../src/config/setting.js'
import { settings } from '../../src/config/settings.js'
import { logLevels, logParts } from '../../src/lib/log.js'
import { generatedFile } from '../support/generated-file.js'
import { envExample, sections, settingsLists } from '../support/settings-documents.js'

const rows: [string, Setting][] = Object.entries(settings)
const required = { ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org' }
const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

describe('docs/settings.md and .env.example', () => {
  const example = read('.env.example')

  test('are what `npm run settings` makes of the table', () => {
    expect(generatedFile('docs/settings.md', settingsLists())).toBe(settingsLists())
    expect(generatedFile('.env.example', envExample())).toBe(envExample())
  })

  test('have each setting once', () => {
    const names = sections.flatMap(({ entries }) => entries.map(({ name }) => name))
    expect(names).toEqual(rows.map(([name]) => name))
  })

  test('the example, copied, lacks only the required settings', () => {
    expect(parseEnv(example)).toEqual({ ADMIN_USERS: '', XMPP_DOMAINS: '' })
  })

  test('the example with every line uncommented means the same as an empty file', () => {
    const everything = parseEnv(example.replaceAll(/^#(?=[A-Z])/gm, ''))
    expect(Object.keys(everything).sort()).toEqual(Object.keys(settings).sort())
    expect(loadConfig({ ...everything, ...required })).toEqual({
      ...loadConfig(required),
      environment: { ...everything, ...required },
    })
  })
})

describe('the documents are true:', () => {
  test.each(rows.filter(([, { kind }]) => kind.range !== undefined))(
    '%s has the documented range',
    (name, { kind: { range = [0, 0] } }) => {
      const accepts = (value: number) => {
        try {
          loadConfig({ ...required, [name]: String(value) })
          return true
        } catch (error) {
          return !(error instanceof ConfigError)
        }
      }
      expect([range[0] - 1, ...range, range[1] + 1].map(accepts)).toEqual([false, true, true, false])
    },
  )

  test('LOG_LEVEL has its levels and parts in its sentence', () => {
    const { sentence } = sections.flatMap(({ entries }) => entries).find(({ name }) => name === 'LOG_LEVEL')!
    for (const word of [...logLevels, ...logParts]) expect(sentence).toContain(`\`${word}\``)
  })

  test('the service starts with the defaults and without a warning, and values of several settings follow', () => {
    const { config, unknown, warnings } = loadConfig(required)
    expect([unknown, warnings]).toEqual([[], []])
    expect(config).toMatchObject({
      listen: { places: [{ host: '127.0.0.1', port: 8080 }] },
      https: undefined,
      http: { hosts: new Map(), own: [], names: [] },
      ...{ redis: undefined, peers: undefined, state: undefined, events: undefined },
      admins: [{ name: 'portal', secret: 's3cret', domains: ['*'], role: 'all' }],
      ...{ servers: new Map(), remotes: new Map(), serviceAccounts: new Map() },
      warm: { enabled: true, hasPages: true, timeout: 15, stepTimeout: 10 },
      limits: { sessions: 20_000, heldRequests: 40_000 },
      rates: { sessionBytes: 100_000, sessionBurst: 500_000 },
    })
  })
})
