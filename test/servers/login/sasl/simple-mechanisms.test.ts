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
  ])('of %s is UTF-8 in base64, without an authzid', (user, password, expected) => {
    const login = plain(user, password)
    expect([login.name, login.clientFirst]).toEqual(['PLAIN', true])
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
  const login = external('jülieð@chat.example')
  expect([login.name, sent(login)]).toEqual(['EXTERNAL', base64('jülieð@chat.example')])
})

test('ANONYMOUS sends nothing', () => {
  expect([anonymous().name, anonymous().response()]).toEqual(['ANONYMOUS', ''])
})

test.each([plain('juliet', 'x'), external('juliet@chat.example'), anonymous()])(
  'PLAIN, EXTERNAL and ANONYMOUS accept a success without proof, but no challenge',
  login => {
    login.response()
    login.success(undefined)
    expect(() => login.challenge('')).toThrow(expect.objectContaining({ code: 'remote-protocol-error' }))
  },
)
