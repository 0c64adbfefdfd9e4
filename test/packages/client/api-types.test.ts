import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../../src/config/load.js'
import { type ProblemCode, problems } from '../../../src/lib/errors.js'
import type { ErrorCode } from '../../../src/packages/client/warm-bindings.js'
import { describeApi } from '../../../src/warm/openapi/describe-api.js'
import { listParameters, logoutParameters, parameterNames } from '../../../src/warm/parameters.js'
import type { Part } from '../../support/api-document.js'

const { config } = loadConfig({ ADMIN_USERS: 'portal:a-secret', XMPP_DOMAINS: 'example.org' })
const root = fileURLToPath(new URL('../../../', import.meta.url))
execFileSync(process.execPath, ['build-client-types.js'], { cwd: root })
const text = readFileSync(`${root}dist/types/packages/client/api-types.d.ts`, 'utf8')

/** Returns the fields of a type, and whether each may be absent. */
function fieldsOf(type: string): Record<string, boolean> {
  const [, body = ''] = new RegExp(`^export interface ${type} {\n(.*?)^}`, 'ms').exec(text) ?? []
  return Object.fromEntries(Array.from(body.matchAll(/^ {2}(\w+)(\??):/gm), ([, name, mark]) => [name!, mark === '?']))
}

/** Compiles only if the types have the same codes as the service. */
const codesAgree = (code: ProblemCode): Exclude<ErrorCode, 'no-answer' | 'bad-answer'> => code
const codesAgreeBack = (code: Exclude<ErrorCode, 'no-answer' | 'bad-answer'>): ProblemCode => code

describe('the types of the client', () => {
  test('have every field of requests and replies', () => {
    const { schemas }: Part = (describeApi(config) as Part).components
    for (const name of ['WarmRequest', 'Binding', 'Session', 'SessionList', 'Ended', 'Problem'])
      expect(text).toContain(`export interface ${name} {`)
    for (const [name, { properties, required = [] }] of Object.entries<Part>(schemas)) {
      if (!text.includes(`export interface ${name} {`)) continue
      const names = Object.keys(properties).filter(each => each !== 'csrf_token')
      const fields = Object.fromEntries(names.map(each => [each, !required.includes(each)]))
      expect([name, fieldsOf(name)]).toEqual([name, fields])
    }
  })

  test('have every parameter', () => {
    const ofPrograms = parameterNames.filter(name => name !== 'csrf_token')
    expect(Object.keys(fieldsOf('WarmRequest'))).toEqual(ofPrograms)
    expect(Object.keys(fieldsOf('ListSessionsQuery'))).toEqual(Object.keys(listParameters))
    expect(fieldsOf('LogOutEverywhereQuery')).toEqual(
      Object.fromEntries(Object.keys(logoutParameters).map(name => [name, true])),
    )
  })

  test('have every error code', () => {
    for (const code of Object.keys(problems) as ProblemCode[]) {
      expect(text).toContain(`'${code}'`)
      expect(codesAgreeBack(codesAgree(code))).toBe(code)
    }
  })
})
