import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { hashedToken, tokenMechanism } from '../../../../src/servers/login/sasl/hashed-token.js'
import type { LinkFacts } from '../../../../src/xmpp/link.js'

const text = 'secret-token:fast-1'
const exporter = Buffer.from('exported')
const link: LinkFacts = {
  encrypted: true,
  plainAllowed: true,
  channelBinding: type => (type === 'tls-exporter' ? exporter : undefined),
}
const proof = (who: string, data = '', key = text) =>
  createHmac('sha256', key)
    .update(who + data)
    .digest()
    .toString('latin1')
const secret = Buffer.from(text).toString('base64')
const token = (mechanism: string) => ({ mechanism, user: 'jülia', agent: 'u1', secret })
const all = ['HT-SHA-256-NONE', 'HT-SHA-256-UNIQ', 'HT-SHA-256-EXPR', 'HT-SHA-256-ENDP']

describe('a login with a FAST token', () => {
  test.each([
    ['HT-SHA-256-NONE', ''],
    ['HT-SHA-256-EXPR', 'exported'],
  ])('sends a proof of it, and requires the server’s proof: %s', (name, data) => {
    const mechanism = hashedToken(token(name), link)
    expect(mechanism.response()).toBe(`${Buffer.from('jülia').toString('latin1')}\0${proof('Initiator', data)}`)
    mechanism.success(proof('Responder', data))
    for (const wrong of [undefined, '', proof('Initiator', data), proof('Responder', 'other')])
      expect(() => mechanism.success(wrong)).toThrow(expect.objectContaining({ code: 'server-not-authentic' }))
    expect(() => mechanism.challenge('')).toThrow(expect.objectContaining({ code: 'remote-protocol-error' }))
  })

  test('fails if the link lacks the channel binding of the mechanism', () => {
    for (const name of ['HT-SHA-256-UNIQ', 'HT-SHA-256-ENDP'])
      expect(() => hashedToken(token(name), link)).toThrow(expect.objectContaining({ code: 'no-mechanism' }))
  })
})

test('a FAST token is requested with the best channel binding of the link', () => {
  expect(tokenMechanism(all, link)).toBe('HT-SHA-256-EXPR')
  expect(tokenMechanism(['HT-SHA-256-UNIQ', 'HT-SHA-256-NONE'], link)).toBe('HT-SHA-256-NONE')
  expect(tokenMechanism(['HT-SHA-256-UNIQ', 'HT-SHA-512-NONE'], link)).toBeUndefined()
  expect(tokenMechanism([], link)).toBeUndefined()
})
