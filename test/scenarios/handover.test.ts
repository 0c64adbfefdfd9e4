import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { idOf, streamFeatures } from '../support/login-server/elements.js'
import { type LoginServer, startLoginServer, type Turn } from '../support/login-server/server.js'
import { startWatchedService, type WatchedService } from '../support/login-server/watched-service.js'

let server: LoginServer
let service: WatchedService
const clients: BoshClient[] = []

beforeAll(async () => {
  server = await startLoginServer({ domain: 'plain.example' })
  service = await startWatchedService([server])
})

afterEach(async () => {
  for (const client of clients.splice(0)) {
    await client.terminate()
    client.close()
  }
  server.script = {}
  server.usual = { ...server.usual, moreFeatures: '' }
  await service.emptied()
  expect(server.complaints).toEqual([])
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

interface Binding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
}

async function bind(jid = 'alice@plain.example'): Promise<Binding & { client: BoshClient }> {
  const { status, text } = await service.warm({ jid, password: 'Pa55-of-alice', wait: 1 })
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' })
  const binding: Binding = JSON.parse(text)
  const client = new BoshClient(`${service.url}/http-bind`, { sid: binding.sid, rid: binding.rid })
  clients.push(client)
  return { ...binding, client }
}

const message = (text: string) => `<message from='bob@plain.example'><body>${text}</body></message>`
const ping = "<iq type='get' id='p1' from='plain.example'><ping xmlns='urn:xmpp:ping'/></iq>"

/** The texts of the messages in a reply, in order. */
const texts = (reply: string) => [...reply.matchAll(/<body>([^<]*)<\/body>/g)].map(match => match[1])

describe('stanzas that arrive before the page', () => {
  test('in the packet of the bind result are kept for the page', async () => {
    server.script = { bind: turn => turn.say(turn.usual + message('one') + ping + message('two')) }
    const { client } = await bind()
    const reply = await client.request()
    expect(texts(reply)).toEqual(['one', 'two'])
    expect(reply).toContain('urn:xmpp:ping')
  })

  test('before and after the bind result are kept for the page in order', async () => {
    server.script = {
      features2: turn => turn.say(turn.usual + message('one')),
      bind: turn => turn.say(message('two') + ping + turn.usual + message('three')),
    }
    const { client } = await bind()
    const reply = await client.request()
    expect(texts(reply)).toEqual(['one', 'two', 'three'])
    expect(reply.match(/urn:xmpp:ping/g)).toHaveLength(1)
  })

  test('around the session request are kept, and so are unexpected iq results', async () => {
    server.usual = { ...server.usual, moreFeatures: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>" }
    const answer = "<iq type='result' id='of-somebody-else'/>"
    server.script = {
      bind: turn => turn.say(answer + turn.usual + message('one')),
      session: turn => turn.say(message('two') + turn.usual + message('three')),
    }
    const { client } = await bind()
    const reply = await client.request()
    expect(texts(reply)).toEqual(['one', 'two', 'three'])
    expect(reply).toContain('of-somebody-else')
  })

  test('in packets of one byte are kept for the page', async () => {
    server.script = {
      bind: async turn => {
        for (const byte of Buffer.from(turn.usual + message('ä☃🗝'))) {
          turn.say(Buffer.of(byte))
          await new Promise(resolve => setImmediate(resolve))
        }
      },
    }
    const { client } = await bind()
    let reply = await client.request()
    while (!reply.includes('</message>')) reply = await client.request()
    expect(texts(reply)).toEqual(['ä☃🗝'])
  })

  test('are not answered by the service', async () => {
    server.script = { bind: turn => turn.say(ping + turn.usual + ping.replace('p1', 'p2')) }
    const { client } = await bind()
    const connection = server.last
    expect(await client.request()).toMatch(/p1.*p2/s)
    await client.request("<iq xmlns='jabber:client' type='result' id='p1' to='plain.example'/>")
    await eventually('the answer arrives', () => connection.stanzas.length > 0)
    expect(connection.stanzas.map(({ attributes }) => attributes['id'])).toEqual(['p1'])
  })

  test('keep their text and get their inherited namespaces', async () => {
    server.script = { bind: turn => turn.say(`${turn.usual}<message><body>a &lt; b</body></message>`) }
    const { client } = await bind()
    expect(await client.request()).toContain("<message xmlns='jabber:client'><body>a &lt; b</body></message>")
  })
})

describe('the stream features of the server', () => {
  test('can arrive late and in many packets', async () => {
    const slowly = async (turn: Turn) => {
      for (const part of turn.usual.match(/.{1,20}/gs) ?? []) {
        turn.say(part)
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    }
    server.script = { features: slowly, challenge: slowly, features2: slowly, bind: slowly }
    await bind()
  })

  test('make the service request stream management in the login, but not SASL2, bind2 or FAST', async () => {
    const sasl2 =
      "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism><inline><bind xmlns='urn:xmpp:bind:0'/><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast><sm xmlns='urn:xmpp:sm:3'/></inline></authentication>"
    const sm = "<sm xmlns='urn:xmpp:sm:3'/><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"
    server.script = {
      features: turn => turn.say(turn.usual.replace('</stream:features>', `${sasl2}${sm}</stream:features>`)),
    }
    server.usual = { ...server.usual, moreFeatures: sm }
    await bind()
    expect(server.last.stanzas.map(({ name }) => name)).toEqual(['enable'])
  })

  test('with a required <session/> cause a session request', async () => {
    server.usual = { ...server.usual, moreFeatures: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>" }
    await bind()
    expect(server.last.reached).toContain('session')
  })

  test('with an optional <session/> cause no session request', async () => {
    const optional = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"
    server.usual = { ...server.usual, moreFeatures: optional }
    await bind()
    expect(server.last.reached).not.toContain('session')
  })

  test('without <bind/> after the restart cause remote-protocol-error', async () => {
    server.script = { features2: turn => turn.say(streamFeatures('')) }
    const told = await service.problem({ jid: 'alice@plain.example', password: 'Pa55-of-alice' })
    expect(told).toEqual({ status: 502, code: 'remote-protocol-error', step: 'bind' })
  })
})

describe('the binding', () => {
  test('has the JID that the server bound, whatever resource was requested', async () => {
    server.script = {
      bind: turn =>
        turn.say(
          `<iq type='result' id='${idOf(turn)}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>Alice@plain.example/&amp;&lt;x></jid></bind></iq>`,
        ),
    }
    const { jid } = await bind('alice@plain.example/wanted')
    expect(jid).toBe('Alice@plain.example/&<x>')
    expect(server.last.resource).toBe('wanted')
  })

  test('for a bare JID requests no resource', async () => {
    const { jid } = await bind()
    expect(server.last.resource).toBeUndefined()
    expect(jid).toBe('alice@plain.example/chosen-by-server')
  })

  test('needs one connection, one login attempt and no stanza', async () => {
    const connections = server.connections.length
    await bind()
    expect(server.connections.length).toBe(connections + 1)
    expect(server.last).toMatchObject({ attempts: 1, stanzas: [] })
  })

  test('continues with the returned rid', async () => {
    const { client, rid } = await bind()
    await client.request("<presence xmlns='jabber:client'/>")
    await eventually('the presence arrives', () => server.last.stanzas.length === 1)
    expect(client.rid).toBe(rid + 1)
  })
})
