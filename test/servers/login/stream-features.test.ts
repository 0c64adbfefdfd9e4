import { expect, test } from '@jest/globals'
import { readFeatures } from '../../../src/servers/login/stream-features.js'
import { features, offer, sasl } from './scripted-link.js'

const mechanismsOf = (inside: string) => `<mechanisms xmlns='${sasl}'>${inside}</mechanisms>`
const typesOf = (inside: string) => `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${inside}</sasl-channel-binding>`
const type = (name: string) => `<channel-binding type='${name}'/>`
const plain = '<mechanism>PLAIN</mechanism>'

const similar =
  '<mechanism xmlns="x">PLAIN</mechanism><mechanism/><mechanism><a/></mechanism><mechanism>plain</mechanism>' +
  '<mechanism>NAME-OF-MORE-THAN-20-CHARACTERS</mechanism><hostname>A</hostname>'
const prefixed = `<s:mechanisms xmlns:s='${sasl}'><s:mechanism a='>'>PLAIN</s:mechanism></s:mechanisms>`
const beside = typesOf(`${type('tls-server-end-point')}${type('tls-exporter')}<channel-binding/>`) + mechanismsOf(plain)

test.each([
  ['an empty list', features(mechanismsOf('')), [], undefined],
  ['mechanisms', offer('SCRAM-SHA-1-PLUS', '\n X-OAUTH2 '), ['SCRAM-SHA-1-PLUS', 'X-OAUTH2'], undefined],
  ['mechanisms under a prefix', features(prefixed), ['PLAIN'], undefined],
  ['elements that are similar to mechanisms', features(mechanismsOf(similar)), [], undefined],
  ['types of channel binding beside them', features(beside), ['PLAIN'], ['tls-server-end-point', 'tls-exporter']],
  ['types among them', features(mechanismsOf(plain + typesOf(type('tls-unique')))), ['PLAIN'], ['tls-unique']],
  ['no type of channel binding at all', features(mechanismsOf('') + typesOf('')), [], []],
])('the mechanisms in stream features are found among %s', (_what, text, mechanisms, channelBindings) => {
  expect(readFeatures(text).offer).toEqual({ mechanisms, channelBindings })
})

test.each([
  ['no features', ''],
  ['other features', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`],
])('without mechanisms nothing is offered, with %s', (_what, inside) => {
  expect(readFeatures(features(inside)).offer).toBeUndefined()
})
