import { expect, test } from '@jest/globals'
import { readFeatures } from '../../../src/servers/login/stream-features.js'

const sasl = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
const types = "xmlns='urn:xmpp:sasl-cb:0'"

const read = (inner: string) =>
  readFeatures(
    `<stream:features xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>${inner}</stream:features>`,
  ).offer

test.each([
  ['no features', '', undefined],
  ['other features', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`, undefined],
  ['an empty list', `<mechanisms ${sasl}/>`, { mechanisms: [], channelBindings: undefined }],
  [
    'mechanisms',
    `<mechanisms ${sasl}><mechanism>SCRAM-SHA-1-PLUS</mechanism> <mechanism>\n X-OAUTH2 </mechanism></mechanisms>`,
    { mechanisms: ['SCRAM-SHA-1-PLUS', 'X-OAUTH2'], channelBindings: undefined },
  ],
  [
    'mechanisms under a prefix',
    `<s:mechanisms xmlns:s='urn:ietf:params:xml:ns:xmpp-sasl'><s:mechanism a='>'>PLAIN</s:mechanism></s:mechanisms>`,
    { mechanisms: ['PLAIN'], channelBindings: undefined },
  ],
  [
    'elements that are similar to mechanisms',
    `<mechanisms ${sasl}><mechanism xmlns='x'>PLAIN</mechanism><mechanism/><mechanism><a/></mechanism>` +
      '<mechanism>plain</mechanism><mechanism>NAME-OF-MORE-THAN-20-CHARACTERS</mechanism><hostname>A</hostname></mechanisms>',
    { mechanisms: [], channelBindings: undefined },
  ],
  [
    'types of channel binding beside them',
    `<sasl-channel-binding ${types}><channel-binding type='tls-server-end-point'/><channel-binding type="tls-exporter"/><channel-binding/></sasl-channel-binding>` +
      `<mechanisms ${sasl}><mechanism>PLAIN</mechanism></mechanisms>`,
    { mechanisms: ['PLAIN'], channelBindings: ['tls-server-end-point', 'tls-exporter'] },
  ],
  [
    'types of channel binding among them',
    `<mechanisms ${sasl}><mechanism>PLAIN</mechanism><sasl-channel-binding ${types}><channel-binding type='tls-unique'/></sasl-channel-binding></mechanisms>`,
    { mechanisms: ['PLAIN'], channelBindings: ['tls-unique'] },
  ],
  [
    'no type of channel binding at all',
    `<mechanisms ${sasl}/><sasl-channel-binding ${types}/>`,
    { mechanisms: [], channelBindings: [] },
  ],
])('the mechanisms in stream features are found among %s', (_what, inner, offer) => {
  expect(read(inner)).toEqual(offer)
})
