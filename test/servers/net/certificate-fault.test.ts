import { describe, expect, test } from '@jest/globals'
import { CertificateFault } from '../../../src/servers/net/certificate-fault.js'

const day = 86_400_000
const fault = (told: string, certificate: object | null = {}) =>
  new CertificateFault(told, certificate as never, 'chat.example')

describe('the fault of a certificate is explained with advice', () => {
  const trust =
    'In XMPP_SERVERS, ?ca=FILE of the server must name a file with its certificate or authority. verify=off skips the check.'
  const replace = 'Give the server another certificate. verify=off in XMPP_SERVERS skips the check.'
  const unknown = 'Its authority is not trusted here, or the server does not send the intermediate certificates.'

  const expired = `It has expired, or a certificate above it. ${replace}`

  test.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', {}, `It is self-signed. ${trust}`],
    ['SELF_SIGNED_CERT_IN_CHAIN', {}, `${unknown} ${trust}`],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', {}, `${unknown} ${trust}`],
    ['CERT_HAS_EXPIRED', { valid_to: 'Jan  2 00:00:00 2020 GMT' }, `It expired on 2020-01-02. ${replace}`],
    ['CERT_HAS_EXPIRED', { valid_to: new Date(Date.now() + day).toUTCString() }, expired],
    ['CERT_HAS_EXPIRED', null, expired],
    ['CERT_HAS_EXPIRED', { valid_to: 'once' }, expired],
    ['CERT_NOT_YET_VALID', { valid_from: 'Jan  2 00:00:00 2120 GMT' }, `It is not valid before 2120-01-02. ${replace}`],
    ['CERT_NOT_YET_VALID', {}, `It is not valid yet, or a certificate above it. ${replace}`],
    ['CERT_REVOKED', {}, `It does not pass the check: CERT_REVOKED. ${trust}`],
  ])('for %s and %j', (code, certificate, message) => {
    expect(fault(code, certificate)).toMatchObject({ code, message })
  })

  test.each([
    ['DNS:a.example, DNS:*.b.example', 'a.example, *.b.example'],
    ['othername:"XmppAddr:a, b", DNS:"x\\u000ay"', 'XmppAddr:a,?b, x?y'],
    ['', 'no host name'],
    [Array.from({ length: 30 }, (_, at) => `DNS:${at}`).join(', '), `0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more`],
  ])('for another name: %s', (subjectaltname, names) => {
    const message = `It is issued for ${names}, not for chat.example. ${replace}`
    for (const told of ['the certificate is made out to another name', 'ERR_TLS_CERT_ALTNAME_INVALID'])
      expect(fault(told, { subjectaltname })).toMatchObject({ code: 'OTHER_NAME', message })
  })
})

test.each([
  [null, undefined],
  [
    { fingerprint256: 'AB:CD' },
    'issued for no host name, issued by an authority without a name, valid from a day that cannot be read to a day that cannot be read, SHA-256 AB:CD',
  ],
  [
    {
      ...{ fingerprint256: 'AB:CD', subjectaltname: 'DNS:a.example', issuer: { O: 'Trust\nme' } },
      ...{ valid_from: 'Jan  2 00:00:00 2020 GMT', valid_to: 'Jan  2 00:00:00 2030 GMT' },
    },
    'issued for a.example, issued by Trust?me, valid from 2020-01-02 to 2030-01-02, SHA-256 AB:CD',
  ],
])('the certificate %j is described in an error on one line', (certificate, told) => {
  expect(fault('CERT_REVOKED', certificate).certificate).toBe(told)
})
