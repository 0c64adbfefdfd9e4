import { describe, expect, test } from '@jest/globals'
import { visibleFeatures } from '../../../src/session/logins/visible-features.js'
import { childrenOf } from '../../../src/xmpp/xml/document.js'

const streams = 'http://etherx.jabber.org/streams'
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** Returns the features that a client sees, without `<stream:features>`. */
function seen(inner: string, secure = true, isCounted = false): string {
  const [features] = childrenOf(
    `<stream:stream xmlns='jabber:client' xmlns:stream='${streams}'><stream:features>${inner}</stream:features></stream:stream>`,
  )
  const { name, namespace, text } = visibleFeatures(features!, secure, isCounted)
  expect([name, namespace]).toEqual(['features', streams])
  // The rest is one whole element.
  expect(childrenOf(`<body xmlns:stream='${streams}'>${text}</body>`)).toHaveLength(1)
  return text.replace(/^<stream:features>(.*)<\/stream:features>$/s, '$1')
}

const mechanisms = (...names: string[]) =>
  `<mechanisms xmlns='${sasl}'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`

describe('the features that a client gets', () => {
  test('are the server’s features, each with its namespace', () => {
    expect(seen("<bind xmlns='urn:b'/> <ver xmlns='urn:v'><optional/></ver>\n<own a='>'/>")).toBe(
      "<bind xmlns='urn:b'/><ver xmlns='urn:v'><optional/></ver><own xmlns='jabber:client' a='>'/>",
    )
    expect(seen('')).toBe('')
  })

  test('do not include stream management after it is enabled', () => {
    const offered = "<sm xmlns='urn:xmpp:sm:2'/><sm xmlns='urn:xmpp:sm:3'/>"
    expect(seen(`<ver xmlns='urn:v'/>${offered}`, true, true)).toBe("<ver xmlns='urn:v'/>")
    expect(seen(offered)).toBe(offered)
  })

  test('keep prefixes that were declared around them', () => {
    const [features] = childrenOf(
      `<s:stream xmlns:s='${streams}' xmlns:x='urn:x'><s:features xmlns:y='urn:y'><x:a y:b='1'/></s:features></s:stream>`,
    )
    expect(visibleFeatures(features!, true).text).toBe(
      "<stream:features><x:a xmlns:x='urn:x' xmlns:y='urn:y' y:b='1'/></stream:features>",
    )
  })

  test.each([
    ['STARTTLS', "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"],
    ['the login of XEP-0078', "<auth xmlns='http://jabber.org/features/iq-auth'/>"],
    ['compression', "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"],
    [
      'channel binding types',
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>",
    ],
    ['STARTTLS with a prefix', "<t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'/>"],
  ])('do not include %s', (_what, feature) => {
    expect(seen(`${feature}<bind xmlns='urn:b'/>`)).toBe("<bind xmlns='urn:b'/>")
  })

  test('do not include mechanisms with channel binding', () => {
    expect(seen(mechanisms('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1', 'PLAIN', 'X-PLUS-ONE'))).toBe(
      mechanisms('SCRAM-SHA-1', 'PLAIN', 'X-PLUS-ONE'),
    )
  })

  test.each([
    ['white space around it', `<mechanism> \n SCRAM-SHA-1-PLUS </mechanism>`],
    ['a reference in it', `<mechanism>SCRAM-SHA-1&#45;PLUS</mechanism>`],
    ['CDATA in it', `<mechanism>SCRAM-SHA-1<![CDATA[-PLUS]]></mechanism>`],
    ['an attribute with the end of a tag in it', `<mechanism a='>'>SCRAM-SHA-1-PLUS</mechanism>`],
    ['a prefix', `<x:mechanism xmlns:x='${sasl}'>SCRAM-SHA-1-PLUS</x:mechanism>`],
  ])('do not include a mechanism with channel binding that is written with %s', (_what, mechanism) => {
    expect(seen(`<mechanisms xmlns='${sasl}'>${mechanism}<mechanism>PLAIN</mechanism></mechanisms>`)).toBe(
      mechanisms('PLAIN'),
    )
  })

  test('do not include -PLUS mechanisms inside SASL2 and its lists either', () => {
    const authentication = (names: string[], fast: string[], more = '') =>
      `<authentication xmlns='urn:xmpp:sasl:2'>${names.map(name => `<mechanism>${name}</mechanism>`).join('')}` +
      `<inline><sm xmlns='urn:xmpp:sm:3'/>${more}<fast xmlns='urn:xmpp:fast:0'>` +
      `${fast.map(name => `<mechanism>${name}</mechanism>`).join('')}</fast></inline></authentication>`
    const binding =
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>"
    const tokens = ['HT-SHA-256-NONE', 'HT-SHA-256-EXPR', 'HT-SHA-256-ENDP', 'HT-SHA-256-UNIQ']
    const offered = authentication(['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS', 'PLAIN'], tokens, binding)
    expect(seen(offered)).toBe(authentication(['SCRAM-SHA-1', 'PLAIN'], ['HT-SHA-256-NONE']))
  })

  test.each([
    ...['PLAIN', 'LOGIN', 'OAUTHBEARER', 'XOAUTH2', 'X-OAUTH2', 'X-TOKEN', 'X-FACEBOOK-PLATFORM', 'JIVE-SHAREDSECRET'],
    ...['X-PLAIN', 'PLAIN-X', 'X-SCRAM-SHA-1', 'ANONYMOUS2', 'digest-md5', ''],
  ])('include the mechanism "%s", which may show a secret, only if the channel is encrypted', name => {
    const fast = `<fast xmlns='urn:xmpp:fast:0'>${mechanisms(name, 'HT-SHA-256-NONE')}</fast>`
    const fastWithout = `<fast xmlns='urn:xmpp:fast:0'>${mechanisms('HT-SHA-256-NONE')}</fast>`
    expect(seen(mechanisms('SCRAM-SHA-1', name) + fast, false)).toBe(mechanisms('SCRAM-SHA-1') + fastWithout)
    expect(seen(mechanisms(name), false)).toBe(mechanisms())
    expect(seen(mechanisms(name), true)).toBe(mechanisms(name))
  })

  test('include mechanisms that do not reveal secrets over any channel', () => {
    const names = [
      ...['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'SCRAM-SHA3-512', 'HT-SHA-256-NONE', 'DIGEST-MD5'],
      ...['CRAM-MD5', 'EXTERNAL', 'ANONYMOUS', 'GSSAPI', 'GSS-SPNEGO', 'GS2-KRB5'],
    ]
    expect(seen(mechanisms(...names), false)).toBe(mechanisms(...names))
    expect(seen('<mechanisms><mechanism>\n EXTERNAL </mechanism></mechanisms>', false)).toContain('EXTERNAL')
  })

  test('have eight levels at most, because each level is read again', () => {
    const nested = (levels: number) => {
      const names = Array.from({ length: levels }, (_, level) => `l${level}`)
      const start = names
        .map(name => `<${name}>`)
        .join('')
        .replace('<l0>', "<l0 xmlns='urn:x'>")
      return `${start}<end/>${names
        .toReversed()
        .map(name => `</${name}>`)
        .join('')}`
    }
    expect(seen(nested(8))).toBe(nested(8))
    expect(seen(nested(20))).not.toContain('l9')
  })

  test('stay one whole element, whatever the server sends in them', () => {
    const tricks = `<mechanism><![CDATA[<mechanism a=']]>'>A-PLUS</mechanism>`
    expect(seen(`<mechanisms xmlns='${sasl}'>${tricks}</mechanisms>`)).toBe(
      `<mechanisms xmlns='${sasl}'>${tricks}</mechanisms>`,
    )
  })
})
