// Whatever one user sends another through a real server, the other's session survives.
// Runs in npm run test:all only: hundreds of stanzas at each server; unit tests have the same stanzas.
//   STRANGERS_STANZAS  how many odd stanzas at each server (600), a quarter of them where it is reached over BOSH
//   STRANGERS_BATCH    after how many of them the other session is checked (25), 1 finds the stanza
//   STRANGERS_SEED     (20261121)
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { SaxesParser } from 'saxes'
import { startEjabberd } from '../support/ejabberd.js'
import { startProsody } from '../support/prosody.js'
import { numberFrom, Random } from '../support/random.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { describeWith } from './needs.js'
import { OddStanzas } from './odd-stanzas.js'
import type { XmppServer } from './servers.js'
import { Stranger } from './stranger.js'
import { User } from './user.js'
import { Victim } from './victim.js'

const most = numberFrom('STRANGERS_STANZAS', 600)
const batch = numberFrom('STRANGERS_BATCH', 25)
const seed = numberFrom('STRANGERS_SEED', 20261121)

// Waits in tests time out earlier, and say what is missing.
jest.setTimeout(60_000 + most * 100)

const alice = { jid: 'alice@localhost', password: 'wonderland' }
const bob = { jid: 'bob@localhost', password: 'builder' }
const mallory = { user: 'mallory', password: 'malice' }
const users = { alice: alice.password, bob: bob.password, mallory: mallory.password }

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
    count: most,
    servers: ({ c2sPort }: XmppServer) => `localhost=xmpp://127.0.0.1:${c2sPort}?tls=none`,
  },
  {
    over: ' over its BOSH endpoint',
    count: Math.ceil(most / 4),
    servers: ({ httpPort }: XmppServer) => `localhost=http://127.0.0.1:${httpPort}/http-bind`,
  },
]

const places = kinds.flatMap(kind => links.map(link => ({ ...kind, ...link })))

for (const { maker, packages, start, over, servers, count } of places) {
  describeWith(packages, `Another user at ${maker}${over}`, () => {
    let server: XmppServer
    let here: TestService
    let stranger: Stranger
    let victim: Victim
    let marks = 0

    beforeAll(async () => {
      server = await start()
      here = await startTestService({ servers: servers(server) })
    }, 100_000)

    beforeEach(async () => {
      const binding = await here.bind(alice)
      victim = Victim.attach(binding.url, binding)
      stranger = await Stranger.logIn(server.c2sPort, mallory)
    })

    afterEach(async () => {
      stranger.leave()
      await victim.leave()
    })

    afterAll(async () => {
      await here?.stop()
      await server?.stop()
    })

    /** Sends a stanza and a mark to a user. Returns all that arrived up to the mark. */
    async function pass(stanza: string, to = victim): Promise<string> {
      const mark = `mark-${++marks}-`
      stranger.send(`${stanza}<message to='${to.jid}'><body>${mark}</body></message>`)
      await to.receives(mark)
      return to.recent.join('')
    }

    /** Logs the stranger in again if the server has closed its stream (false). */
    async function goOn(): Promise<boolean> {
      if (await stranger.isHeardOut()) return true
      stranger.leave()
      stranger = await Stranger.logIn(server.c2sPort, mallory)
      return false
    }

    test(`ends no session with ${count} odd stanzas`, async () => {
      const odd = new OddStanzas(new Random(seed), { full: victim.jid, bare: alice.jid })
      let refused = 0
      let sent: string[] = []
      for (let done = 1; done <= count; done++) {
        const stanza = odd.next()
        sent.push(stanza)
        stranger.send(stanza)
        if (!(await goOn())) refused += 1
        if (done % batch > 0 && done < count) continue
        await pass('').catch(error => victim.faults.push(String(error)))
        if (victim.faults.length > 0)
          expect({ faults: victim.faults, sent: sent.map(each => each.slice(0, 1000)) }).toBeUndefined()
        sent = []
      }
      expect(here.service.counts()).toMatchObject({ sessions: 1 })
      // Otherwise the test shows little.
      expect(victim.stanzas).toBeGreaterThan(count / 4)
      expect(refused).toBeLessThan(count / 4)
    })

    test('sends a prefix, and the message is dropped only if the server loses the declaration', async () => {
      const inner = "<e xmlns='urn:p' p:k='1'/>"
      const replies = await pass(`<message to='${victim.jid}' xmlns:p='urn:p'><body>hi</body>${inner}</message>`)
      expect([victim.faults, replies.includes('<body>hi</body>')]).toEqual([[], maker !== 'ejabberd'])
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
      const read = readMessage(replies)
      expect([victim.faults, read.body]).toEqual([[], meant])
      expect(read.k).toBe(value.replaceAll(/&#(?:13|xD);/g, '\r'))
    })

    test('sends too large, deep or wide stanzas, which are dropped and logged', async () => {
      const to = `to='${victim.jid}'`
      const deep = '<a>'.repeat(1000) + '</a>'.repeat(1000)
      const wide = `<a ${Array.from({ length: 1000 }, (_, index) => `k${index}=''`).join(' ')}/>`
      // Both servers write such a namespace once for each element: 20 MB. Prosody 13 ends a connection for which more than 32 MiB wait.
      const long = `<a xmlns:p='urn:${'p'.repeat(2000)}'>${'<p:b/>'.repeat(10_000)}</a>`
      for (const much of [deep, wide, long]) {
        const replies = await pass(`<message ${to}>${much}<body>too much</body></message>`)
        expect([victim.faults, replies.includes('too much')]).toEqual([[], false])
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
      const heard = await stranger.hears(/<message [^>]*id=["']full["']/)
      expect([victim.faults, /id=["']bare["']/.test(heard)]).toEqual([[], false])
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
      await stranger.isHeardOut()
      await other.isUpToDate()
      const late = Victim.attach(deaf.url, deaf)
      await pass('', late)
      expect([late.faults, late.stanzas >= messages]).toEqual([[], true])
      await late.leave()
      await other.leave()
    })
  })
}

/** The text and the attribute of the message under test, as a parser reads them. */
function readMessage(replies: string): { readonly body: string; readonly k: string | undefined } {
  const parser = new SaxesParser()
  let isOdd = false
  let isBody = false
  let body = ''
  let k: string | undefined
  parser.on('opentag', ({ name, attributes }) => {
    if (name === 'message') isOdd = attributes['id'] === 'odd'
    isBody = name === 'body'
    if (isOdd && name === 'e') k = attributes['k']
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
