import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { BoshBench, body, create, FakePeer, message, terminated } from '../../support/bosh-bench.js'

const clients = new URL('../../cases/clients/', import.meta.url)
const creations = readdirSync(clients).filter(name => name.endsWith('-creation.xml'))

test.each(creations)('the first request of a known client or library gets a session: %s', async name => {
  const bench = new BoshBench()
  const creation = await bench.send(readFileSync(new URL(name, clients), 'utf8'))
  await bench.server(link => link.open())
  expect(creation.reply?.status).toBe(200)
  expect(creation.reply?.body).toMatch(/^<body sid='.*<mechanism>/)
})

describe('a session is created', () => {
  test.each([
    ['nothing', '', "wait='60' hold='1' requests='2' inactivity='150'"],
    ['less than allowed', "wait='20' hold='1'", "wait='20' hold='1' requests='2' inactivity='150'"],
    ['hold 0, with longer inactivity', "wait='60' hold='0'", "wait='60' hold='0' requests='1' inactivity='160'"],
    ['wait 0, which also means polling', "wait='0' hold='1'", "wait='0' hold='1' requests='2' inactivity='160'"],
  ])('with agreed values, if the client asks for %s', async (_what, attributes, agreed) => {
    const { creation } = await new BoshBench().session(attributes)
    expect(creation.reply?.body).toContain(agreed)
  })

  test.each([
    ["ver='1.6'", '1.6'],
    ["ver='1.99'", '1.11'],
    ["ver='2.0'", '1.11'],
    ["ver='0.99'", '0.99'],
  ])('with the lower of both versions: %s', async (attributes, ver) => {
    const { creation } = await new BoshBench().session(attributes)
    expect(creation.reply?.body).toContain(` ver='${ver}'`)
  })

  test.each([
    ['a rid is missing', body("to='chat.example'"), 'bad-request'],
    ['the rid is no number', create('', 'x'), 'bad-request'],
    ['wait is no number', create("wait='soon'"), 'bad-request'],
    ['hold is empty', create("hold=''"), 'bad-request'],
    ['ver is malformed', create("ver='1'"), 'bad-request'],
    ['restart is no boolean', create("xmpp:restart='yes' xmlns:xmpp='urn:xmpp:xbosh'"), 'bad-request'],
    ['to is missing', body("rid='1'"), 'improper-addressing'],
    ['to is empty', body("rid='1' to=''"), 'improper-addressing'],
    ['to is no domain', body("rid='1' to='a b'"), 'improper-addressing'],
    ['the domain is not served', body("rid='1' to='other.example'"), 'host-unknown'],
    ['the root is no body', create().replaceAll('body', 'iq'), 'bad-request'],
    ['the namespace is another', `<body rid='1' to='chat.example'/>`, 'bad-request'],
    ['it is no XML', 'rid=1', 'bad-request'],
    ['it is empty', '', 'bad-request'],
    ['it asks for STARTTLS', create('', 700, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), 'bad-request'],
    ['a stanza is too large', create('', 700, message('x'.repeat(262_144))), 'policy-violation'],
    ['it has a DTD', `<!DOCTYPE body [<!ENTITY x 'y'>]>${create()}`, 'bad-request'],
  ])('is rejected if %s', async (_what, request, condition) => {
    const bench = new BoshBench()
    const { reply, peer } = await bench.send(request)
    expect(reply).toEqual({ status: 200, body: terminated(condition), contentType: 'text/xml; charset=utf-8' })
    expect(peer.sentence).toMatch(/^[A-Z][^<>]{20,}\.( .*\.)?$/)
    const isMissing = condition === 'improper-addressing' && !request.includes("to='a b'")
    const setting = condition === 'host-unknown' ? 'XMPP_DOMAINS' : isMissing ? 'BOSH_DEFAULT_DOMAIN' : undefined
    expect(bench.refusals).toEqual([{ reason: condition, address: '192.0.2.1', setting }])
    expect(bench.links).toHaveLength(0)
    expect(bench.registry.size).toBe(0)
  })

  test.each([
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['text/xml charset=utf-8', 'text/xml; charset=utf-8'],
    ['TEXT/XML;charset="UTF8"', 'text/xml; charset=utf-8'],
    ['text/xml; charset=iso-8859-1', 'text/xml; charset=utf-8'],
    ['image/png', 'text/xml; charset=utf-8'],
    ['text/plain+x', 'text/xml; charset=utf-8'],
    ['', 'text/xml; charset=utf-8'],
  ])('with the content type %j gets replies of the type %s', async (content, contentType) => {
    const { creation } = await new BoshBench().session(`content='${content}'`)
    expect(creation.reply).toMatchObject({ status: 200, contentType })
  })

  test.each([
    ['no domain', '', 'chat.example'],
    ['an empty domain', "to=''", 'chat.example'],
    ['another served domain', "to='web.example'", 'web.example'],
  ])('that names %s is for the right domain, in the language of its client', async (_what, to, domain) => {
    const bench = new BoshBench({}, ['chat.example', 'web.example'], { defaultDomain: 'chat.example' })
    await bench.send(body(`rid='1' ${to} xml:lang='de'`))
    expect(bench.links).toMatchObject([{ domain, options: { lang: 'de' } }])
  })
})

describe('features', () => {
  const offered =
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>" +
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms>"

  test.each([
    ['of TLS and compression are removed, because they concern this service only', true, ['SCRAM-SHA-1', 'PLAIN']],
    ['do not offer mechanisms that send passwords over a channel that is not encrypted', false, ['SCRAM-SHA-1']],
  ])('%s', async (_what, isSecure, mechanisms) => {
    const bench = new BoshBench()
    const creation = await bench.send(create(), new FakePeer(isSecure))
    await bench.server(link => link.open(offered))
    const named = mechanisms.map(name => `<mechanism>${name}</mechanism>`).join('')
    expect(/<stream:features.*features>/.exec(creation.reply!.body)![0]).toBe(
      `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${named}</mechanisms></stream:features>`,
    )
  })

  const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
  test.each([
    `<auth xmlns='${sasl}' mechanism='PLAIN'>AGEAYg==</auth>`,
    `<auth xmlns='${sasl}' mechanism='OAUTHBEARER'>bixhPWEsAWF1dGg9QmVhcmVyIGIBAQ==</auth>`,
    `<auth xmlns='${sasl}' mechanism='X-OAUTH2'>AGEAYg==</auth>`,
    `<auth xmlns='${sasl}'>AGEAYg==</auth>`,
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X-TOKEN'><initial-response>AGEAYg==</initial-response></authenticate>",
  ])('%s over an unencrypted channel, on either side, never reaches the server', async login => {
    const { bench, client } = await BoshBench.session(undefined, 700, new FakePeer(false))
    const { reply } = await client.next(login)
    expect(reply?.body).toContain('<encryption-required')
    expect(client.link.sent).toEqual([])
    const secure = await bench.session(undefined, 700, new FakePeer(), '')
    // Without TLS to the server, the operator must allow PLAIN.
    for (const plainAllowed of [false, true]) {
      secure.link.facts = { encrypted: false, plainAllowed }
      await secure.next(login)
      expect(secure.link.sent).toEqual(plainAllowed ? [login] : [])
    }
  })

  test.each([
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
  ])('%s from a client is a bad request', async element => {
    const client = await new BoshBench().session()
    expect((await client.next(element)).reply?.body).toBe(terminated('bad-request'))
    expect(client.link.sent).toEqual([])
  })
})
