import { describe, expect, test } from '@jest/globals'
import { oauthBearer, plain, singleMessage } from '../../../../src/servers/login/sasl/simple-mechanisms.js'

/** The library encodes messages with `btoa`. */
const sent = (mechanism: ReturnType<typeof plain>) => btoa(mechanism.response() as string)
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a login with PLAIN', () => {
  test.each([
    ['juliet', 'r0m30myr0m30', 'AGp1bGlldAByMG0zMG15cjBtMzA='],
    ['jülieð', 'gehe:im', 'AGrDvGxpZcOwAGdlaGU6aW0='],
    ['Σωκράτης', 'пароль☕😀', base64('\0Σωκράτης\0пароль☕😀')],
    ['a', '', 'AGEA'],
  ])('of %s is UTF-8 in base64, without an authzid', (user, password, expected) => {
    const login = plain(user, password)
    expect(login.name).toBe('PLAIN')
    expect(sent(login)).toBe(expected)
  })

  test('sends the authzid', () => {
    expect(sent(plain('portal', 'pw', 'jülieð@chat.example'))).toBe(base64('jülieð@chat.example\0portal\0pw'))
  })

  test('sends an OAuth token under the mechanism’s own name', () => {
    const login = plain('juliet', 'ya29.token', '', 'X-OAUTH2')
    expect([login.name, sent(login)]).toEqual(['X-OAUTH2', base64('\0juliet\0ya29.token')])
  })
})

test('EXTERNAL sends the user of the certificate', () => {
  const login = singleMessage('EXTERNAL', 'jülieð@chat.example')
  expect([login.name, sent(login)]).toEqual(['EXTERNAL', base64('jülieð@chat.example')])
})

test('a mechanism of one message accepts a success without proof, but no challenge', () => {
  const login = plain('juliet', 'x')
  login.response()
  login.success(undefined)
  expect(() => login.challenge('')).toThrow(expect.objectContaining({ code: 'remote-protocol-error' }))
})

test('OAUTHBEARER sends a token as in RFC 7628', () => {
  // RFC 7628 §4.1, without host and port, which XMPP does not use.
  const login = oauthBearer('user@example.com', 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==')
  expect(login.name).toBe('OAUTHBEARER')
  expect(login.response()).toBe(
    'n,a=user@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01',
  )
  login.success(undefined)
})

test('OAUTHBEARER sends the user in UTF-8, with escaped separators', () => {
  const login = oauthBearer('zoë,a=b@chat.example', 't')
  expect(Buffer.from(login.response() as string, 'latin1').toString()).toBe(
    'n,a=zoë=2Ca=3Db@chat.example,\x01auth=Bearer t\x01\x01',
  )
})

test('OAUTHBEARER answers a refusal as in RFC 7628 §3.2.3, and accepts no success after it', () => {
  const login = oauthBearer('user@example.com', 'expired')
  login.response()
  login.challenge('')
  expect(btoa(login.response() as string)).toBe('AQ==')
  const broken = expect.objectContaining({ code: 'remote-protocol-error', step: 'sasl' })
  expect(() => login.challenge('')).toThrow(broken)
  expect(() => login.success(undefined)).toThrow(broken)
})
