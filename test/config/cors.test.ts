import { describe, expect, test } from '@jest/globals'
import { loadConfig } from '../../src/config/load.js'
import { problemsOf } from '../support/config-problems.js'

const load = (environment: Record<string, string>) =>
  loadConfig({ ADMIN_USERS: 'portal:s3cret', XMPP_DOMAINS: 'example.org', ...environment }).config

const problems = (environment: Record<string, string>) => problemsOf(() => load(environment))

describe('CORS_ORIGINS', () => {
  const origins = (CORS_ORIGINS: string) => load({ CORS_ORIGINS }).cors.origins

  test('allow any origin unless set, and none if set to none', () => {
    expect(load({}).cors).toMatchObject({ origins: ['*'], credentials: false, maxAge: 7200 })
    expect(origins('')).toEqual(['*'])
    expect(origins(' * ')).toEqual(['*'])
    expect(origins('none')).toEqual([])
  })

  test('are compared as browsers write them, each once', () => {
    expect(
      origins(
        'https://WWW.example.org, https://www.example.org:443/,http://localhost:80,http://localhost:8080,http://[::1]:3000,https://bücher.example',
      ),
    ).toEqual([
      'https://www.example.org',
      'http://localhost',
      'http://localhost:8080',
      'http://[::1]:3000',
      'https://xn--bcher-kva.example',
    ])
  })

  test.each([
    'www.example.org',
    'https://',
    'https://*.example.org',
    'https://www.example.org/chat',
    'https://www.example.org/?',
    'https://www.example.org#top',
    'https://user@www.example.org',
    'https://www.example.org:port',
    'wss://www.example.org',
    'file:///srv/page.html',
    'null',
    '*',
    'none',
  ])('cannot have %s among them', entry => {
    expect(problems({ CORS_ORIGINS: `https://example.net,${entry}` })).toEqual([
      `CORS_ORIGINS has "${entry}", which is no origin such as https://www.example.org`,
    ])
  })

  test('cannot be an empty list', () => {
    expect(problems({ CORS_ORIGINS: ',' })).toEqual([
      'CORS_ORIGINS must have an origin such as https://www.example.org, * for any, or none',
    ])
  })
})

describe('CORS_CREDENTIALS', () => {
  test('are allowed for listed origins', () => {
    const environment = { CORS_ORIGINS: 'https://www.example.org', CORS_CREDENTIALS: 'on' }
    expect(load(environment).cors).toMatchObject({
      origins: ['https://www.example.org'],
      credentials: true,
      maxAge: 7200,
    })
  })

  const risk = "CORS_CREDENTIALS needs a list in CORS_ORIGINS: otherwise any site could use a visitor's session"
  test('cannot be allowed for any origin, or without origins', () => {
    expect(problems({ CORS_ORIGINS: '*', CORS_CREDENTIALS: 'on' })).toEqual([risk])
    expect(problems({ CORS_CREDENTIALS: 'on' })).toEqual([risk])
  })

  test('get no second problem if CORS_ORIGINS is invalid', () => {
    expect(problems({ CORS_ORIGINS: '*,x', CORS_CREDENTIALS: 'on' })).toHaveLength(2)
  })
})

describe('headers and methods of other origins', () => {
  test('are the headers and methods of BOSH unless set', () => {
    expect(load({}).cors).toMatchObject({
      headers: ['Content-Type'],
      methods: ['GET', 'POST', 'OPTIONS'],
    })
  })

  test('are names, each once', () => {
    const environment = { CORS_HEADERS: ' X-Portal,Content-Type , X-Portal', CORS_METHODS: 'POST' }
    expect(load(environment).cors).toMatchObject({ headers: ['X-Portal', 'Content-Type'], methods: ['POST'] })
  })

  test.each(['X Portal', 'X-Portal:', 'é', '"x"', 'a/b', 'x\r\ny'])('cannot be %j', name => {
    for (const setting of ['CORS_HEADERS', 'CORS_METHODS'])
      expect(problems({ [setting]: `POST,${name}` })).toEqual([
        `${setting} has "${name}", which is no name of a header or method`,
      ])
  })

  test('cannot be empty', () => {
    expect(problems({ CORS_HEADERS: ',' })).toEqual(['CORS_HEADERS must have a name, such as Content-Type or POST'])
  })

  test('may be *, but not with cookies, because * is then a name', () => {
    expect(load({ CORS_HEADERS: '*' }).cors.headers).toEqual(['*'])
    const credentials = { CORS_ORIGINS: 'https://a.example', CORS_CREDENTIALS: 'on' }
    expect(problems({ CORS_HEADERS: '*', ...credentials })).toEqual([
      'CORS_HEADERS must list the headers if CORS_CREDENTIALS is on: * is then the name of a header',
    ])
    expect(problems({ CORS_METHODS: '*' })).toEqual(['CORS_METHODS must list the methods: * is not a method'])
  })
})

describe('ATTACH_BINDING', () => {
  test.each(['off', 'cookie', 'reply', 'Cookie'])('may be %s', word => {
    expect(load({ ATTACH_BINDING: word }).bosh.attachBinding).toBe(word.toLowerCase())
  })

  test('is off unless set', () => {
    expect(load({}).bosh.attachBinding).toBe('off')
  })

  test.each(['on', 'cookies', 'reply,cookie', '1'])('cannot be %s', word => {
    expect(problems({ ATTACH_BINDING: word })).toEqual([
      `ATTACH_BINDING must be one of off, cookie, reply, not "${word}"`,
    ])
  })
})
