import { describe, expect, test } from '@jest/globals'
import { load as loadAll, problems } from '../../support/settings.js'
import { testFolder } from '../../support/test-folder.js'

const url = 'https://portal.example.org/chat/events'
const secret = 'sixteen-bytes-16'

const load = (environment: Record<string, string>) => loadAll(environment).config.events

const keyOf = (environment: Record<string, string>) => load({ EVENTS_URL: url, ...environment })?.key.export()

const { file: write } = testFolder()

describe('EVENTS_URL', () => {
  test.each([
    [url, url],
    ['https://portal.example.org', 'https://portal.example.org/'],
    ['https://portal.example.org:8443/events?from=chat', 'https://portal.example.org:8443/events?from=chat'],
    ['http://127.0.0.1:3000/events', 'http://127.0.0.1:3000/events'],
    ['http://[::1]:3000/events', 'http://[::1]:3000/events'],
    ['http://localhost:3000/events', 'http://localhost:3000/events'],
  ])('may be %s', (EVENTS_URL, read) => {
    expect(load({ EVENTS_URL, EVENTS_SECRET: secret })?.url).toBe(read)
  })

  test.each([
    'portal.example.org/events',
    'ftp://portal.example.org/events',
    'https://',
    'http://portal.example.org/events',
    'http://127.0.0.1.example.org/events',
    'http://0.0.0.0/events',
    'https://portal:t0ken@portal.example.org/events',
    'http://:t0ken@127.0.0.1/events',
    'https://portal.example.org/events#t0ken',
  ])('may not be %s', EVENTS_URL => {
    expect(problems({ EVENTS_URL, EVENTS_SECRET: secret })).toEqual([
      'EVENTS_URL must be an https URL without user, password and #: plain http is for this machine only',
    ])
  })
})

describe('EVENTS_SECRET', () => {
  test.each([
    ['gives its bytes as the key', secret, Buffer.from(secret)],
    ['needs 16 bytes, not 16 letters', 'öööööööö', Buffer.from('öööööööö')],
    ['after whsec_ is a key in base64', 'whsec_AAECAwQFBgcICQoLDA0ODw==', Buffer.from([...Array(16).keys()])],
    ['after whsec_ may have no padding', 'whsec_AAECAwQFBgcICQoLDA0ODw', Buffer.from([...Array(16).keys()])],
  ])('%s', (_what, EVENTS_SECRET, key) => {
    expect(keyOf({ EVENTS_SECRET })).toEqual(key)
  })

  test('may be in a file, with or without a final newline', () => {
    for (const text of [secret, `${secret}\n`, `${secret}\r\n`])
      expect(keyOf({ EVENTS_SECRET_FILE: write('secret', text) })).toEqual(Buffer.from(secret))
  })

  const tooShort = 'is too short: make one of 16 bytes or more, for example with openssl rand -hex 32'

  test.each([
    ['fifteen-bytes-1', `EVENTS_SECRET ${tooShort}`],
    ['whsec_AAECAwQFBgcICQoLDA0O', `EVENTS_SECRET ${tooShort}`],
    ['whsec_not-base64-not-base64-not-base64', 'EVENTS_SECRET must have base64 after whsec_'],
  ])('may not be %s, and the error does not quote it', (EVENTS_SECRET, problem) => {
    expect(problems({ EVENTS_URL: url, EVENTS_SECRET })).toEqual([problem])
  })

  test.each([
    ['is empty', '\n', tooShort],
    ['has an invalid secret', 'whsec_?', 'must have base64 after whsec_'],
  ])('may not be in a file that %s', (_what, text, problem) => {
    const EVENTS_SECRET_FILE = write('wrong', text)
    expect(problems({ EVENTS_URL: url, EVENTS_SECRET_FILE })).toEqual([
      `EVENTS_SECRET_FILE names a file whose text ${problem}`,
    ])
  })

  test('is required with EVENTS_URL, and must be set only once', () => {
    expect([load({}), load({ EVENTS_SECRET: secret })]).toEqual([undefined, undefined])
    expect(problems({ EVENTS_URL: url })).toEqual([expect.stringMatching(/^EVENTS_SECRET is required for EVENTS_URL/)])
    const twice = { EVENTS_URL: url, EVENTS_SECRET: secret, EVENTS_SECRET_FILE: write('secret', secret) }
    expect(problems(twice)).toEqual(['EVENTS_SECRET_FILE and EVENTS_SECRET are both set: keep one of the two'])
  })

  test('does not appear in the configuration as JSON', () => {
    const { config } = loadAll({ EVENTS_URL: url, EVENTS_SECRET: secret })
    expect(JSON.stringify(config)).toContain(url)
    expect(JSON.stringify(config)).not.toContain(secret)
  })
})
