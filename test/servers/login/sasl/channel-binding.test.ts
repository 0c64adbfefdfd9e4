import { expect, test } from '@jest/globals'
import { bindTo } from '../../../../src/servers/login/sasl/channel-binding.js'
import type { ChannelBindingType } from '../../../../src/xmpp/link.js'

const link = (...types: ChannelBindingType[]) => ({
  encrypted: true,
  plainAllowed: true,
  channelBinding: (type: ChannelBindingType) => (types.includes(type) ? Buffer.from(type) : undefined),
})
const tls12 = link('tls-unique', 'tls-server-end-point')
const tls13 = link('tls-exporter', 'tls-server-end-point')
const all = ['tls-server-end-point', 'tls-unique', 'tls-exporter']

test.each([
  ['the default of TLS 1.2', tls12, undefined, 'tls-unique', false],
  ['the default of TLS 1.3, which a server may not support', tls13, undefined, 'tls-exporter', true],
  ['the best listed type, over TLS 1.2', tls12, all, 'tls-unique', false],
  ['the best listed type, over TLS 1.3', tls13, all, 'tls-exporter', false],
  ['the only listed type', tls13, ['tls-server-end-point'], 'tls-server-end-point', false],
  ['the only known type in the list', tls12, ['tls-future', 'tls-server-end-point'], 'tls-server-end-point', false],
] as const)('the type of channel binding: %s', (_what, facts, listed, type, guessed) => {
  expect(bindTo(facts, listed)).toEqual({ type, data: Buffer.from(type), guessed })
})

test.each([
  ['no common type', tls13, ['tls-unique']],
  ['an empty list', tls13, []],
  ['only tls-server-end-point, if the server does not list it', link('tls-server-end-point'), undefined],
  ['a link without encryption', { encrypted: false, plainAllowed: true }, all],
])('no channel binding is possible with %s', (_what, facts, listed) => {
  expect(bindTo(facts, listed)).toBeUndefined()
})
