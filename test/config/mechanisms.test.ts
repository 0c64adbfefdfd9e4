import { describe, expect, test } from '@jest/globals'
import { load, problems } from '../support/settings.js'

const all = 'SCRAM-SHA-512-PLUS, SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN'

describe('XMPP_MECHANISMS', () => {
  test('are all mechanisms by default, the strongest first', () => {
    expect(load({}).config.mechanisms).toEqual(all.split(', '))
    expect(load({ XMPP_MECHANISMS: ' ' }).config.mechanisms).toEqual(all.split(', '))
  })

  test('keep the operator’s order, each once, in capitals', () => {
    expect(load({ XMPP_MECHANISMS: 'plain, scram-sha-1 ,,SCRAM-SHA-256,PLAIN' }).config.mechanisms).toEqual([
      ...['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'],
    ])
  })

  test.each(['DIGEST-MD5', 'SCRAM', 'SCRAM-SHA1', 'OAUTHBEARER', 'EXTERNAL', 'ANONYMOUS', '*'])(
    'cannot have %s, which is not for passwords',
    name => {
      expect(problems({ XMPP_MECHANISMS: `SCRAM-SHA-1,${name}` })).toEqual([
        `XMPP_MECHANISMS has "${name}", which is none of ${all}`,
      ])
    },
  )

  test('cannot be an empty list', () => {
    expect(problems({ XMPP_MECHANISMS: ',' })).toEqual([`XMPP_MECHANISMS must have at least one of ${all}`])
  })
})
