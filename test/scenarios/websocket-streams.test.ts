// XMPP over WebSocket (RFC 7395) for a client that logs in itself, as the client and its server see it.
// Runs in npm run test:all only: ten seconds.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { closing, opcodes } from '../support/frames.js'
import { ask } from '../support/http-answer.js'
import {
  auth,
  close,
  faultOf,
  features,
  framing,
  goodbye,
  header,
  mechanisms,
  message,
  open,
  Stage,
  streams,
} from '../support/websocket-stage.js'
import type { WebSocketWire, WireOptions } from '../support/websocket-wire.js'

let stage: Stage

beforeEach(async () => {
  stage = await Stage.set()
})

afterEach(() => stage.strike())

/** Replaces the stage with one of other settings. */
const set = async (environment: Record<string, string>) => {
  await stage.strike()
  stage = await Stage.set({ environment })
}

const starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

/** The condition for a client that gets no stream. */
const refusedWith = async (wire: WebSocketWire) => {
  const [opening, fault, ...others] = (await wire.leave()).messages
  expect(opening).toMatch(new RegExp(`^<open xmlns='${framing}' [^>]*/>$`))
  expect(others).toEqual([close])
  return /<stream:error [^>]*><([a-z-]+) /.exec(fault!)?.[1]
}

/** The same for a client that begins with this. */
const refusal = async (first: string, options?: WireOptions) => {
  const wire = await stage.wire(options)
  wire.send(first)
  return refusedWith(wire)
}

/** Both sides close the stream, and then the WebSocket. */
const closes = async (wire: WebSocketWire) => {
  expect(await wire.message()).toBe(close)
  wire.send(close)
  expect(await wire.leave()).toEqual({ messages: [], code: 1000 })
}

describe('the WebSocket handshake', () => {
  test('is answered with the key of the client and the subprotocol xmpp, without compression', async () => {
    const offers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    for (const protocols of ['xmpp', 'mqtt, xmpp', ' xmpp ,other']) {
      const { answer } = await stage.wire({ headers: { 'Sec-WebSocket-Protocol': protocols, ...offers } })
      expect(answer!.headers).toMatchObject({
        ...{ upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-protocol': 'xmpp' },
        'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      })
      expect(answer!.headers['sec-websocket-extensions']).toBeUndefined()
    }
  })

  test('gets 400 without a Host header, and with two', async () => {
    await expect(stage.wire({ headers: { Host: undefined } })).rejects.toThrow('HTTP 400')
    await expect(stage.wire({ headers: { host: 'localhost' } })).rejects.toThrow('HTTP 400')
    await stage.wire({ headers: { Host: 'localhost' } })
  })

  test('works at WEBSOCKET_PATH, also with a slash or a query, and gets 404 with WEBSOCKET_ENABLED=off', async () => {
    for (const path of ['/xmpp-websocket/', '/xmpp-websocket?v=1']) await stage.wire({ path })
    await set({ WEBSOCKET_ENABLED: 'off' })
    await expect(stage.wire()).rejects.toThrow('HTTP 404')
    const headers = { 'Sec-WebSocket-Key': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' }
    const told = await ask(`${stage.service.url}/xmpp-websocket`, { headers })
    expect(told).toMatchObject({ status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' } })
    expect(told.text).toMatch(/^There is nothing at this address\. The WebSocket endpoint is off here: see WEBSOCKET_/)
    await set({ WEBSOCKET_PATH: '/ws' })
    await stage.wire({ path: '/ws' })
  })

  test('is allowed for WEBSOCKET_ORIGINS, and for programs, which send no Origin', async () => {
    await set({ WEBSOCKET_ORIGINS: 'https://chat.example,https://other.example:8443' })
    for (const Origin of [undefined, 'https://chat.example', 'HTTPS://Chat.example', 'https://other.example:8443'])
      await stage.wire({ headers: { Origin } })
    for (const Origin of [
      'https://evil.example',
      'http://chat.example',
      'null',
      'https://chat.example.evil.example',
      '',
    ])
      await expect(stage.wire({ headers: { Origin } })).rejects.toThrow('HTTP 403')
  })
})

describe('a stream over WebSocket', () => {
  test('is opened by both sides, and its features are self-contained', async () => {
    const wire = await stage.wire()
    wire.send(open("to='localhost' from='juliet@localhost' version='1.0' xml:lang='de'"))
    const link = await stage.server.connection()
    const asked = await link.until("streams'>")
    expect(asked).toContain("to='localhost'")
    expect(asked).toContain("xml:lang='de'")
    link.send(header('abc') + features())
    expect(await wire.message()).toBe(
      `<open xmlns='${framing}' version='1.0' from='localhost' id='abc' xml:lang='en'/>`,
    )
    expect(await wire.message()).toBe(
      `<stream:features xmlns:stream='${streams}'>${mechanisms('SCRAM-SHA-1')}</stream:features>`,
    )
  })

  test('whose client does not wait for our opening loses nothing', async () => {
    const wire = (await stage.wire()).send(open(), auth)
    const link = await stage.server.connection()
    await link.until("xmlns:stream='http://etherx.jabber.org/streams'>")
    link.send(header() + features())
    expect(await wire.message()).toContain('<open ')
    expect(await wire.message()).toContain('<mechanism>SCRAM-SHA-1</mechanism>')
    expect(await link.until('</auth>')).toBe(auth)
  })

  test.each(['<?xml version="1.0" encoding="UTF-8"?>', `<?xml version = '1.0' encoding='utf-8' standalone='yes' ?>\n`])(
    'can begin with %j before the opening, and is opened in the language of the server',
    async declaration => {
      const { wire, link } = await stage.opening(declaration + open())
      link.send(header('abc').replace("version='1.0'>", "version='1.0' xml:lang='de'>"))
      expect(await wire.message()).toMatch(/^<open [^>]* id='abc' xml:lang='de'\/>$/)
    },
  )

  test('is restarted after success, without a close', async () => {
    const { wire, link } = await stage.loggedIn()
    expect(stage.sessions).toBe(1)
    // At any other time, a restart is an error.
    wire.send(open())
    expect(await wire.leave()).toEqual({ messages: [faultOf('policy-violation'), close], code: 1000 })
    expect(await goodbye(link)).toBe('</stream:stream>')
  })

  test('that the client closes is closed in both directions and at the server', async () => {
    const { wire, link } = await stage.loggedIn()
    wire.send(message('last words'), close)
    expect(await wire.leave()).toEqual({ messages: [close], code: 1000 })
    expect(await goodbye(link)).toBe(`${message('last words')}</stream:stream>`)
    await stage.isOver()
  })

  test('that the server closes first delivers its last stanzas', async () => {
    const { wire, link } = await stage.loggedIn()
    link.send(`${message('one')}<presence/></stream:stream>`)
    expect(await wire.message()).toBe(message('one'))
    expect(await wire.message()).toContain("<presence xmlns='jabber:client'/>")
    const fault = await wire.message()
    expect(fault).toContain('<stream:error ')
    await closes(wire)
    await stage.isOver()
  })

  test('ends with the self-contained error of the server', async () => {
    const { wire, link } = await stage.loggedIn()
    link.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
    expect(await wire.message()).toBe(faultOf('conflict').replace(/<text.*<\/text>/, ''))
    await closes(wire)
  })

  test('that fails before the header of the server gets our opening, then the error', async () => {
    const { wire, link } = await stage.opening()
    link.send("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='urn:none'>")
    expect(await refusedWith(wire)).toBe('remote-connection-failed')
  })

  test('to a server that is down gets remote-connection-failed', async () => {
    stage.server.stop()
    expect(await refusal(open())).toBe('remote-connection-failed')
    await stage.isOver()
  })

  test('that is closed before it was opened gets <close/>', async () => {
    const wire = await stage.wire()
    wire.send(close)
    expect(await wire.leave()).toEqual({ messages: [close], code: 1000 })
  })
})

test.each([
  ["<presence xmlns='jabber:client'/>", 'invalid-namespace'],
  ["<open xmlns='urn:other' to='localhost' version='1.0'/>", 'invalid-namespace'],
  [`<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='${streams}'>`, 'not-well-formed'],
  [`<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${streams}'>`, 'not-well-formed'],
  [`<?xml version='1.0' encoding='latin-1'?>${open()}`, 'restricted-xml'],
  [`<?xml version='1.0'?><?xml version='1.0'?>${open()}`, 'restricted-xml'],
  [`<?xml version='1.0'${' '.repeat(300)}?>${open()}`, 'restricted-xml'],
  [`<?xml version='1.0'?>x${open()}`, 'bad-format'],
  ["<?xml version='1.0'?>", 'bad-format'],
  [`<?xml version='1.0'?><other xmlns='${framing}'/>`, 'restricted-xml'],
  ['', 'bad-format'],
  ['hello', 'bad-format'],
  [open() + open(), 'bad-format'],
  [`${open()}<`, 'bad-format'],
  ['<open>', 'not-well-formed'],
  ['</stream:stream>', 'not-well-formed'],
  ['<!DOCTYPE open>', 'restricted-xml'],
  ["<p:open to='localhost'/>", 'not-well-formed'],
  [open("to='localhost'"), 'unsupported-version'],
  [open("to='localhost' version='2.0'"), 'unsupported-version'],
  [open("to='elsewhere.example' version='1.0'"), 'host-unknown'],
  [open("version='1.0'"), 'improper-addressing'],
  [open("to='a b' version='1.0'"), 'improper-addressing'],
])('a client that begins with %j gets our opening, then %s', async (first, condition) => {
  expect(await refusal(first)).toBe(condition)
  expect(stage.sessions).toBe(0)
})

test.each([
  ['<a', 'bad-format'],
  // Each element is self-contained and has a namespace (RFC 7395 §3.3.3).
  ['<message/>', 'invalid-namespace'],
  ["<iq xmlns='jabber:server' type='get' id='1'/>", 'invalid-namespace'],
  ["<a:message xmlns:a='urn:a'/>", 'invalid-namespace'],
  [`<?xml version='1.0'?>${message('one')}`, 'restricted-xml'],
  ['<a></stream:stream>', 'not-well-formed'],
  [`<a>${'<b>'.repeat(200)}${'</b>'.repeat(200)}</a>`, 'policy-violation'],
  [message('x'.repeat(262_144)), 'policy-violation'],
  [`<other xmlns='${framing}'/>`, 'bad-format'],
  // Neither is available over WebSocket (RFC 7395 §3.9).
  ["<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", 'policy-violation'],
  ["<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>", 'policy-violation'],
])('a client that sends %j ends its stream with %s', async (said, condition) => {
  const { wire, link } = await stage.loggedIn()
  wire.send(message('before'), said, message('behind'))
  expect(await wire.message()).toBe(faultOf(condition))
  await closes(wire)
  expect(await goodbye(link)).toBe(`${message('before')}</stream:stream>`)
  await stage.isOver()
})

test('elements are self-contained in both directions, whatever they inherit', async () => {
  const { wire, link } = await stage.loggedIn()
  link.send("<message from='a@b'><body>hi</body></message>")
  expect(await wire.message()).toBe("<message xmlns='jabber:client' from='a@b'><body>hi</body></message>")
  link.send("<iq type='get' id='1'><q xmlns='urn:q'/></iq><r xmlns='urn:xmpp:sm:3'/>")
  expect(await wire.message()).toBe("<iq xmlns='jabber:client' type='get' id='1'><q xmlns='urn:q'/></iq>")
  expect(await wire.message()).toBe("<r xmlns='urn:xmpp:sm:3'/>")
  wire.send(
    "<presence xmlns='jabber:client'/>",
    "<a:iq xmlns:a='jabber:client' type='get' id='2'/>",
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
  )
  expect(await link.until("h='1'/>")).toBe(
    "<presence xmlns='jabber:client'/><a:iq xmlns:a='jabber:client' type='get' id='2'/><a xmlns='urn:xmpp:sm:3' h='1'/>",
  )
})

describe('without TLS', () => {
  test('a client is offered no STARTTLS and no mechanism that reveals a secret', async () => {
    const { wire, link } = await stage.opening()
    const offered = ['SCRAM-SHA-1', 'SCRAM-SHA-1-PLUS', 'PLAIN', 'OAUTHBEARER', 'X-OAUTH2', 'X-NEW', 'EXTERNAL']
    link.send(header() + features(mechanisms(...offered) + starttls))
    await wire.message()
    expect(await wire.message()).toContain(mechanisms('SCRAM-SHA-1', 'EXTERNAL'))
  })

  test.each(['PLAIN', 'OAUTHBEARER', 'X-OAUTH2', 'LOGIN', 'X-TOKEN', 'plain'])(
    'a login with %s gets encryption-required and does not reach the server',
    async mechanism => {
      const { wire, link } = await stage.pair()
      const secret = Buffer.from('\0juliet\0Pa55w0rd').toString('base64')
      wire.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${secret}</auth>`)
      expect(await wire.message()).toContain('<encryption-required/>')
      const initial = `<initial-response>${secret}</initial-response>`
      wire.send(`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='${mechanism}'>${initial}</authenticate>`)
      expect(await wire.message()).toBe(
        "<failure xmlns='urn:xmpp:sasl:2'><encryption-required xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
      )
      wire.send(auth)
      expect(await link.until('</auth>')).toBe(auth)
      expect(stage.service.lines.join('')).not.toContain(secret)
    },
  )

  test('REQUIRE_SECURE sends clients to the wss URL', async () => {
    await set({ REQUIRE_SECURE: 'on', EXTERNAL_URL: 'https://chat.example/c' })
    const wire = await stage.wire()
    wire.send(open())
    expect(await wire.message()).toContain('<open ')
    expect(await wire.message()).toBe(
      `<close xmlns="${framing}" see-other-uri="wss://chat.example/c/xmpp-websocket" />`,
    )
    wire.send(close)
    expect((await wire.leave()).code).toBe(1000)
    expect(stage.sessions).toBe(0)
    const page = await ask(`${stage.service.url}/xmpp-websocket`)
    expect([page.status, page.headers['location']]).toEqual([308, 'https://chat.example/c/xmpp-websocket'])
  })

  test('REQUIRE_SECURE without a URL rejects clients, except behind a TLS proxy', async () => {
    await set({ REQUIRE_SECURE: 'on', TRUSTED_PROXIES: 'loopback' })
    expect(await refusal(open())).toBe('policy-violation')
    await stage.pair({ headers: { 'X-Forwarded-For': '192.0.2.7', 'X-Forwarded-Proto': 'https' } })
    await set({ REQUIRE_SECURE: 'on', ASSUME_SECURE: 'on' })
    await stage.pair()
  })
})

describe('a client whose connection breaks', () => {
  test('leaves its stream open at the server, which gets all its data', async () => {
    for (const leave of [
      (wire: WebSocketWire) => wire.drop(),
      (wire: WebSocketWire) => wire.halfClose(),
      (wire: WebSocketWire) => wire.frame(opcodes.close, closing(1001)),
      (wire: WebSocketWire) => wire.frame(opcodes.binary, 'x'),
    ]) {
      const { wire, link } = await stage.loggedIn()
      wire.send(message('one'), message('two'))
      await link.until('one')
      leave(wire)
      expect(await link.rest()).toBe(message('one').split('one')[1] + message('two'))
      await stage.isOver()
    }
  })

  test('before its server has answered leaves no session', async () => {
    const { wire, link } = await stage.opening()
    wire.drop()
    await link.gone
    await stage.isOver()
  })
})

test('domains can have separate endpoints, by host or by path', async () => {
  await set({
    XMPP_DOMAINS: 'localhost,other.example',
    HTTP_HOSTS: 'chat.local=localhost,web.local=localhost,web.local=other.example?websocket=/ws/$host',
    BOSH_PATH: '/b/$host',
    HTTP_DEFAULT_HOST: 'none',
  })
  const at = (Host: string) => ({ headers: { Host } })
  const other = { path: '/ws/other.example', ...at('web.local') }
  expect(await refusal(open("to='other.example' version='1.0'"), at('chat.local'))).toBe('host-unknown')
  // The domain of the host is the default.
  for (const [place, domain] of [
    [at('chat.local'), 'localhost'],
    [other, 'other.example'],
  ] as const) {
    const wire = await stage.wire(place)
    wire.send(open("version='1.0'"))
    expect(await (await stage.server.connection()).until("streams'>")).toContain(`to='${domain}'`)
  }
  expect(await refusal(open(), other)).toBe('host-unknown')
  await expect(stage.wire({ path: '/ws/localhost', ...at('web.local') })).rejects.toThrow('HTTP 404')
})
