import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { problemsOf } from '../support/config-problems.js'

const load = (environment: Record<string, string>) =>
  loadConfig({ ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org', ...environment }).config.cors

const problems = (environment: Record<string, string>) => problemsOf(() => load(environment))

describe('what pages of other origins may send', () => {
  test('are the headers and methods of BOSH unless set', () => {
    expect(load({})).toMatchObject({
      headers: ['Content-Type'],
      methods: ['GET', 'POST', 'OPTIONS'],
    })
  })

  test('are names, each once', () => {
    const environment = { CORS_HEADERS: ' X-Portal,Content-Type , X-Portal', CORS_METHODS: 'POST' }
    expect(load(environment)).toMatchObject({ headers: ['X-Portal', 'Content-Type'], methods: ['POST'] })
  })

  test.each(['X Portal', 'X-Portal:', 'é', '"x"', 'a/b', 'x\r\ny'])('cannot be %j', name => {
    for (const setting of ['CORS_HEADERS', 'CORS_METHODS'])
      expect(problems({ [setting]: `POST,${name}` })).toEqual([
        `${setting} has "${name}", which is no name of a header or method`,
      ])
  })

  test('cannot be nothing', () => {
    expect(problems({ CORS_HEADERS: ',' })).toEqual([
      'CORS_HEADERS must have a name, such as Content-Type or POST',
    ])
  })

  test('may be any headers, but not with cookies, where a star has no meaning', () => {
    expect(load({ CORS_HEADERS: '*' }).headers).toEqual(['*'])
    const credentials = { CORS_ORIGINS: 'https://a.example', CORS_CREDENTIALS: 'on' }
    expect(problems({ CORS_HEADERS: '*', ...credentials })).toEqual([
      'CORS_HEADERS must list the headers where CORS_CREDENTIALS is on: browsers take * for the name of a header then',
    ])
    expect(problems({ CORS_METHODS: '*' })).toEqual([
      'CORS_METHODS must list the methods: * is the name of none',
    ])
  })
})
