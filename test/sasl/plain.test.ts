import { describe, expect, test } from '@jest/globals'
import { Plain } from '../../src/sasl/plain.js'

describe('a login in the clear', () => {
  test.each([
    ['juliet', 'r0m30myr0m30', 'AGp1bGlldAByMG0zMG15cjBtMzA='],
    ['jülieð', 'gehe:im', 'AGrDvGxpZcOwAGdlaGU6aW0='],
    ['Σωκράτης', 'пароль☕😀', Buffer.from('\0Σωκράτης\0пароль☕😀').toString('base64')],
    ['a', '', 'AGEA'],
  ])('of %s is UTF-8 in base64, without another identity', (user, password, base64) => {
    const login = new Plain(user, password)
    expect([login.name, login.clientFirst]).toEqual(['PLAIN', true])
    // The library encodes what it is given with `btoa`.
    expect(btoa(login.response())).toBe(base64)
  })

  test('takes the word of a server that sends success, but answers no question', () => {
    const login = new Plain('juliet', 'x')
    login.response()
    login.success()
    expect(() => login.challenge()).toThrow(expect.objectContaining({ code: 'remote-protocol-error' }))
  })
})
