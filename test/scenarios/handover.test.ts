import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { idOf } from '../support/login-server/elements.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
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
})

describe('the stream features of the server', () => {
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
