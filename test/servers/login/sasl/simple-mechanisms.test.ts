import { describe, expect, test } from '@jest/globals'
import { anonymous, external, plain } from '../../../../src/servers/login/sasl/simple-mechanisms.js'

/** The library encodes messages with `btoa`. */
const sent = (mechanism: ReturnType<typeof plain>) => btoa(mechanism.response() as string)
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('a login with PLAIN', () => {
  test.each([
    ['juliet', 'r0m30myr0m30', 'AGp1bGlldAByMG0zMG15cjBtMzA='],
    ['jülieð', 'gehe:im', 'AGrDvGxpZcOwAGdlaGU6aW0='],
    ['Σωκράτης', 'пароль☕😀', base64('\0Σωκράτης\0пароль☕😀')],
    ['a', '', 'AGEA'],
  ])('of %s is UTF-8 in base64, without another identity', (user, password, expected) => {
    const login = plain(user, password)
    expect([login.name, login.clientFirst]).toEqual(['PLAIN', true])
    expect(sent(login)).toBe(expected)
  })

  test('names the user to act as', () => {
    expect(sent(plain('portal', 'pw', 'jülieð@chat.example'))).toBe(base64('jülieð@chat.example\0portal\0pw'))
  })

  test('sends a token under the name of its mechanism', () => {
    const login = plain('juliet', 'ya29.token', '', 'X-OAUTH2')
    expect([login.name, sent(login)]).toEqual(['X-OAUTH2', base64('\0juliet\0ya29.token')])
  })
})

test('a login with the certificate of the link names its user', () => {
  const login = external('jülieð@chat.example')
  expect([login.name, sent(login)]).toEqual(['EXTERNAL', base64('jülieð@chat.example')])
})

test('a login without an account sends nothing', () => {
  expect([anonymous().name, anonymous().response()]).toEqual(['ANONYMOUS', ''])
})

test.each([plain('juliet', 'x'), external('juliet@chat.example'), anonymous()])(
  'a login takes the word of a server that sends success, but answers no question',
  login => {
    login.response()
    login.success(undefined)
    expect(() => login.challenge('')).toThrow(expect.objectContaining({ code: 'remote-protocol-error' }))
  },
)
