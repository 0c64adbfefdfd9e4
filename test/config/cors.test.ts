import { describe, expect, test } from '@jest/globals'
import { load, problems } from '../support/settings.js'

describe('CORS_ORIGINS', () => {
  const origins = (CORS_ORIGINS: string) => load({ CORS_ORIGINS }).config.corsOrigins

  test('allow any origin unless set, and none if set to none', () => {
    expect(load({}).config.corsOrigins).toEqual(['*'])
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
    'https://*.example.org',
    'https://www.example.org/chat',
    'https://www.example.org#top',
    'https://user@www.example.org',
    'https://www.example.org:port',
    'wss://www.example.org',
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

describe('ATTACH_BINDING', () => {
  test.each(['off', 'cookie', 'reply', 'Cookie'])('may be %s', word => {
    expect(load({ ATTACH_BINDING: word }).config.bosh.attachBinding).toBe(word.toLowerCase())
  })
})
