import { expect, test } from '@jest/globals'
import { oauthBearer, plain } from '../../../../src/servers/login/sasl/simple-mechanisms.js'

test.each([
  ['juliet', 'r0m30myr0m30', 'AGp1bGlldAByMG0zMG15cjBtMzA='],
  ['jülieð', 'gehe:im', 'AGrDvGxpZcOwAGdlaGU6aW0='],
  ['Σωκράτης', 'пароль☕😀', Buffer.from('\0Σωκράτης\0пароль☕😀').toString('base64')],
  ['a', '', 'AGEA'],
])('a login with PLAIN of %s is UTF-8 in base64, without an authzid', (user, password, expected) => {
  expect(btoa(plain(user, password).response() as string)).toBe(expected)
})

test('a mechanism of one message accepts a success without proof, but no challenge', () => {
  const login = plain('juliet', 'x')
  login.response()
  login.success(undefined)
  expect(() => login.challenge('')).toThrow(expect.objectContaining({ code: 'remote-protocol-error' }))
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
