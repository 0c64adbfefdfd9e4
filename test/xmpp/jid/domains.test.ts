import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { allowsDomain, prepareDomain, preparePattern, withULabels } from '../../../src/xmpp/jid/domains.js'
import { makeCertificate } from '../../support/certificates.js'
import { load, problems as problemsWith } from '../../support/settings.js'
import { testFolder } from '../../support/test-folder.js'

const { file } = testFolder()

const certificate = makeCertificate(['DNS:example.org']).cert.trim()

describe('domains in the spelling that XMPP servers expect', () => {
  test.each([
    ['xn--bcher-kva.example', 'bücher.example'],
    ['XN--Bcher-KVA.Example', 'bücher.example'],
    ['alice@xn--bcher-kva.example', 'alice@bücher.example'],
    ['Alice@xn--bcher-kva.example/xn--a@b', 'Alice@bücher.example/xn--a@b'],
    ['xn--r8jz45g.xn--zckzah', '例え.テスト'],
  ])('the domain of %j becomes %j', (address, written) => {
    expect(withULabels(address)).toBe(written)
    expect(withULabels(written)).toBe(written)
  })

  test('other domains stay as they are, also invalid domains', () => {
    const others = ['bücher.example', 'Example.org', '[::1]', '', 'xn--', 'xn--zz', 'xn--a@', "<xn--'>"]
    expect(others.map(withULabels)).toEqual(others)
  })

  test('have the same ASCII form as before', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { maxLength: 4 }), labels => {
        const domain = prepareDomain(labels.join('.'))
        if (domain !== undefined) expect(prepareDomain(withULabels(domain))).toBe(domain)
      }),
    )
  })
})

describe('a domain', () => {
  test('in lower case gives the same result as in another case, which takes a slower path', () => {
    const label = fc.oneof(
      fc.stringMatching(/^[a-z0-9_-]{0,8}$/),
      fc.constantFrom('xn--', 'xn--a', 'xn--mnchen-3ya', 'ab--cd', '0x7f', '127', 'a'.repeat(63), 'a'.repeat(64)),
    )
    const domains = fc.array(label, { maxLength: 20 }).map(labels => labels.join('.'))
    fc.assert(
      fc.property(domains, text => {
        expect(prepareDomain(text)).toBe(prepareDomain(text.toUpperCase()))
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['EXAMPLE.org', 'example.org'],
    ['example.org.', 'example.org'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    ['MÜNCHEN.example', 'xn--mnchen-3ya.example'],
    ['xn--mnchen-3ya.example', 'xn--mnchen-3ya.example'],
    ['例え。example', 'xn--r8jz45g.example'],
    ['localhost', 'localhost'],
    ['_xmpp.chat-1.example', '_xmpp.chat-1.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ])('%s is compared as %s', (text, prepared) => {
    expect(prepareDomain(text)).toBe(prepared)
  })

  test.each([
    ['no text', ['', '.']],
    ['an empty label', ['example..org', 'example.org..']],
    ['too long a label or name', [`${'a'.repeat(64)}.example`, 'a.'.repeat(600) + 'example']],
    ['white space, which a URL parser may drop', ['exa mple.org', 'exam\tple.org']],
    ['a slash, where a URL parser stops', ['example.org/evil', 'example.org\\evil', 'example.org／evil']],
    ['an escape, which a URL parser decodes', ['%65xample.org']],
    ['a port, a user or a pattern', ['example.org:5222', 'user@example.org', '*.example.org']],
    ['another form of an IPv4 address', ['127.1', '0x7f.0.0.1', '１２７.0.0.1', '256.0.0.1']],
    ['another form of an IPv6 address', ['::1', '[example.org]', '[fe80::1%25eth0]']],
    ['a malformed A-label', ['xn--a.example', 'xn--mnchen-3ya.xn--zzzzzzzzz.example', 'chat.xn--.example']],
  ])('is invalid with %s', (_what, domains) => {
    for (const domain of domains) expect([domain, prepareDomain(domain)]).toEqual([domain, undefined])
  })
})

test('a pattern for domains is normalized like a domain', () => {
  const patterns = ['*', '*.Münster.example', 'Example.ORG.']
  expect(patterns.map(preparePattern)).toEqual(['*', '*.xn--mnster-3ya.example', 'example.org'])
  for (const text of ['', '*.', '**', '*example.org', 'chat.*.org', '*.*', '*.192.0.2.1', '*.[::1]'])
    expect([text, preparePattern(text)]).toEqual([text, undefined])
})

test('a list of patterns allows a domain, the domains below another, or all', () => {
  const allowed = (patterns: string[], domains: string[]) => domains.filter(domain => allowsDomain(patterns, domain))
  const domains = ['example.org', 'chat.example.net', 'a.b.example.net']
  const others = ['chat.example.org', 'example.net', 'badexample.net', 'example.com']
  expect(allowed(['example.org', '*.example.net'], [...domains, ...others])).toEqual(domains)
  expect(allowed(['example.org', '*'], [...others, '[::1]'])).toEqual([...others, '[::1]'])
  expect(allowed([], domains)).toEqual([])
})

describe('XMPP_DOMAINS', () => {
  test('are normalized, without duplicates, and * gives a warning', () => {
    const { config } = load({ XMPP_DOMAINS: 'Example.org, *.München.example,,example.org.,localhost' })
    expect(config.domains).toEqual(['example.org', '*.xn--mnchen-3ya.example', 'localhost'])
    const warning = 'XMPP_DOMAINS has *: this service connects to the server of any domain, except in private networks.'
    expect(load({ XMPP_DOMAINS: '*' }).warnings).toEqual([warning])
  })
})

describe('XMPP_SERVERS', () => {
  const servers = (text: string) => [...load({ XMPP_SERVERS: text }).config.servers]
  const problems = (text: string) => problemsWith({ XMPP_SERVERS: text })
  const usual = { port: 5222, tls: 'starttls', allowsPlain: false, ca: undefined, verify: true, certificate: undefined }

  test.each([
    ['xmpp://XMPP.example.org', { host: 'xmpp.example.org' }],
    ['xmpp://[2001:DB8::1]:15222/', { host: '2001:db8::1', port: 15222 }],
    ['xmpps://xmpp.example.org', { host: 'xmpp.example.org', port: 5223, tls: 'direct' }],
    ['XMPPS://[::1]:443?verify=off', { host: '::1', port: 443, tls: 'direct', verify: false }],
    ['xmpp://127.0.0.1?tls=none', { host: '127.0.0.1', tls: 'none' }],
    ['xmpp://127.0.0.1?tls=none&plain=on', { host: '127.0.0.1', tls: 'none', allowsPlain: true }],
  ])('are each for a domain, such as %s', (address, server) => {
    expect(servers(`Example.org=${address}, example.net=xmpp://b`)).toEqual([
      ['example.org', { ...usual, ...server }],
      ['example.net', { ...usual, host: 'b' }],
    ])
  })

  test('may have their own CA, from a file with any name', () => {
    const path = file('c+a, = 1&2.pem', `A comment\n${certificate}\n${certificate}\nand a secret\n`)
    expect(servers(`example.org=xmpp://localhost?ca=${encodeURIComponent(path).replace('%2B', '+')}`)).toEqual([
      ['example.org', { ...usual, host: 'localhost', ca: `${certificate}\n${certificate}` }],
    ])
  })

  const address = 'for example.org must have an address like xmpp://xmpp.example.org:5222, followed by "?" and options'
  const needlessPlain = 'for example.org has plain=on without tls=none: PLAIN is allowed on encrypted links anyway'
  const needlessCheck = 'for example.org has ca, verify, cert or key beside tls=none, where there are no certificates'
  const broken = file('fake.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  const noCertificate = 'for example.org has ca, which names a file that is not a PEM file of certificates'

  test.each([
    ['localhost', 'entry 1 must be like example.org=xmpp://xmpp.example.org:5222'],
    ['example.org=xmpps://a?tls=starttls', 'for example.org has tls beside xmpps://, which is TLS from the start'],
    ['example.org=xmpp://a,EXAMPLE.org=xmpp://b', 'lists example.org twice'],
    ['example.org=xmpp://a?tsl=none', 'for example.org has an unknown option "tsl"'],
    ['example.org=xmpp://a?tls=none&tls=none', 'for example.org has the option tls twice'],
    ['example.org=xmpp://a?tls=direct', 'for example.org must have tls=starttls or tls=none'],
    ['example.org=xmpp://a?tls=none&plain=perhaps', 'for example.org must have plain=on or plain=off'],
    ['example.org=xmpp://a?verify=', 'for example.org must have verify=on or verify=off'],
    ['example.org=xmpp://a?plain=on', needlessPlain],
    ['example.org=xmpp://a?tls=none&verify=off', needlessCheck],
    ['example.org=xmpp://a?ca=/nowhere/a', 'for example.org has ca, which names a file that cannot be read (ENOENT)'],
    ['example.org=xmpp://a?ca=package.json', noCertificate],
    [`example.org=xmpp://a?ca=${broken}`, noCertificate],
  ])('cannot be written as %s', (text, problem) => {
    expect(problems(text)).toEqual([`XMPP_SERVERS ${problem}`])
  })

  test.each([
    ['', 'localhost:5222', 'xmpp://', 'xmppss://localhost', 'xmpp://localhost/path', 'xmpp://::1'],
    ['xmpp://localhost:0', 'xmpp://localhost:65536', 'xmpp://localhost:port', 'xmpps://localhost:0'],
    ['xmpp://user:password@localhost'],
  ])('cannot have addresses such as %j', (...texts) => {
    for (const text of texts) expect(problems(`example.org=${text}`)).toEqual([`XMPP_SERVERS ${address}`])
  })

  test('with an invalid % escape are reported once', () => {
    expect(problems('example.org=xmpp://a?tls=%')[0]).toBe(
      'XMPP_SERVERS for example.org has a % in tls that begins no escape: write %25',
    )
  })
})
