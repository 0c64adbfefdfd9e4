// Odd stanzas of another user, as real servers pass them on. `test/xmpp/xml` and `test/fuzz` have many more.
// Runs in npm run test:all only.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { SaxesParser } from 'saxes'
import { startEjabberd } from '../support/ejabberd.js'
import { startProsody } from '../support/prosody.js'
import { RawClient } from '../support/raw-client.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import type { XmppServer } from './servers.js'
import { User } from './user.js'

const alice = { jid: 'alice@localhost', password: 'wonderland' }
const bob = { jid: 'bob@localhost', password: 'builder' }
const users = { alice: alice.password, bob: bob.password, mallory: 'malice' }

const kinds = [
  { maker: 'Prosody', packages: ['prosody', 'openssl'], start: () => startProsody({ users }) },
  {
    maker: 'ejabberd',
    packages: ['ejabberd', 'openssl'],
    start: () => startEjabberd({ users, plain: true }),
  },
]

const links = [
  {
    over: '',
    servers: ({ c2sPort }: XmppServer) => `localhost=xmpp://127.0.0.1:${c2sPort}?tls=none`,
  },
  {
    over: ' over its BOSH endpoint',
    servers: ({ httpPort }: XmppServer) => `localhost=http://127.0.0.1:${httpPort}/http-bind`,
  },
]

const places = kinds.flatMap(kind => links.map(link => ({ ...kind, ...link })))

for (const { maker, packages, start, over, servers } of places) {
  describeWith(packages, `Another user at ${maker}${over}`, () => {
    let server: XmppServer
    let here: TestService
    let stranger: RawClient
    let victim: User
    let marks = 0

    beforeAll(async () => {
      server = await start()
      here = await startTestService({ servers: servers(server) })
    })

    beforeEach(async () => {
      const binding = await here.bind(alice)
      victim = User.attach(binding.url, binding)
      stranger = await new RawClient(server.c2sPort).login('mallory', '', users.mallory)
    })

    afterEach(async () => {
      stranger.socket.destroy()
      await victim.leave()
    })

    afterAll(async () => {
      await here?.stop()
      await server?.stop()
    })

    /**
     * Sends a stanza and a mark to a user, and returns all that arrived up to the mark. Expat 2.6, which Prosody 13 uses,
     * reads a long tag that came in two parts only after as much data again.
     */
    async function pass(stanza: string, to = victim): Promise<string> {
      const mark = `mark-${++marks}-`
      const long = ' '.repeat(stanza.length > 2048 ? 2 * stanza.length : 0)
      stranger.send(`${stanza}${long}<message to='${to.jid}'><body>${mark}</body></message>`)
      await to.receives(mark)
      return to.received
    }

    test('sends a prefix, and the message is dropped only if the server loses the declaration', async () => {
      const inner = "<e xmlns='urn:p' p:k='1'/>"
      const replies = await pass(`<message to='${victim.jid}' xmlns:p='urn:p'><body>hi</body>${inner}</message>`)
      expect(readMessage(replies).body).toBe('')
      expect(replies.includes('<body>hi</body>')).toBe(maker !== 'ejabberd')
    })

    test.each([
      ['as a reference', 'a&#13;b&#13;&#10;c&#xD;', 'a\rb\r\nc\r'],
      ['as a line end', 'a\r\nb\rc', 'a\nb\nc'],
      ['in CDATA', '<![CDATA[a]]>&#13;<![CDATA[<b>]]>', 'a\r<b>'],
    ])('sends a carriage return %s, which arrives as XML defines it', async (_what, text, meant) => {
      const value = text.includes('CDATA') || text.includes('\n') ? '&#13;' : text.replaceAll('&#10;', '')
      const replies = await pass(
        `<message to='${victim.jid}' id='odd'><body>${text}</body><e xmlns='urn:e' k='${value}'/></message>`,
      )
      expect(readMessage(replies)).toEqual({ body: meant, k: value.replaceAll(/&#(?:13|xD);/g, '\r') })
    })

    test('sends too large, deep or wide stanzas, which are dropped and logged', async () => {
      const to = `to='${victim.jid}'`
      const deep = '<a>'.repeat(1000) + '</a>'.repeat(1000)
      const wide = `<a ${Array.from({ length: 1000 }, (_, index) => `k${index}=''`).join(' ')}/>`
      // Both servers write such a namespace once for each element: 20 MB. Prosody 13 ends a connection for which more than 32 MiB wait.
      const long = `<a xmlns:p='urn:${'p'.repeat(2000)}'>${'<p:b/>'.repeat(10_000)}</a>`
      for (const much of [deep, wide, long]) {
        const replies = await pass(`<message ${to}>${much}<body>too much</body></message>`)
        expect(replies).not.toContain('too much')
      }
      expect(here.lines.filter(line => line.includes('"fate":"dropped"')).length).toBeGreaterThan(0)
      expect(here.lines.filter(line => line.includes('too much'))).toEqual([])
    })

    test('gets an error for a dropped message only from a full JID, which it knew', async () => {
      const much = '<a>'.repeat(1000) + '</a>'.repeat(1000)
      // Before it has her presence, a server without offline messages answers for her.
      await victim.receives('<presence')
      stranger.send(`<message to='${alice.jid}' id='bare'>${much}</message>`)
      stranger.send(`<message to='${victim.jid}' id='full'>${much}</message>`)
      const heard = await stranger.until(/<message [^>]*id=["']full["']/)
      expect(heard).not.toMatch(/id=["']bare["']/)
      expect(here.lines.filter(line => line.includes('"fate":"dropped"')).length).toBeGreaterThan(0)
    })

    test('floods a session that fetches nothing, which survives, as do others', async () => {
      const binding = await here.bind(bob)
      const deaf = await here.bind(alice)
      const other = User.attach(binding.url, binding)
      await other.isUpToDate()
      const messages = 800
      const text = 'x'.repeat(10_000)
      for (let sent = 0; sent < messages; sent++) {
        stranger.send(`<message to='${deaf.jid}' id='${sent}'><body>${text}</body></message>`)
        if (sent % 200 === 0) await other.isUpToDate()
      }
      const late = User.attach(deaf.url, deaf)
      await pass('', late)
      expect(late.received.match(/<message\b/g)!.length).toBeGreaterThan(messages)
      await other.isUpToDate()
      await late.leave()
      await other.leave()
    })
  })
}

/** The text and the attribute of the message under test. Throws unless all is XML with namespaces. */
function readMessage(replies: string): { readonly body: string; readonly k: string | undefined } {
  const parser = new SaxesParser({ xmlns: true })
  let isOdd = false
  let isBody = false
  let body = ''
  let k: string | undefined
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'message') isOdd = attributes['id']?.value === 'odd'
    isBody = name === 'body'
    if (isOdd && name === 'e') k = attributes['k']?.value
  })
  const add = (text: string) => {
    if (isOdd && isBody) body += text
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('closetag', () => {
    isBody = false
  })
  parser.write(`<replies>${replies}</replies>`).close()
  return { body, k }
}
