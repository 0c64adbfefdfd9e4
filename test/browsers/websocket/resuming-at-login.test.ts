// Pages that log in with SASL2 and resume their last stream in the same step (XEP-0198 §9).
import { expect, test } from '@jest/globals'
import { connectPage, open } from '../../support/fake-web-socket.js'
import { ack, authenticate, comeBack, countingPage, enable, managedPage, newToken, resume, stanza } from './pages.js'

const success = (more: string) =>
  expect.stringMatching(new RegExp(`^<success xmlns='urn:xmpp:sasl:2'>.*</authorization-identifier>${more}</success>$`))
const failed = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
const bound = "<bound xmlns='urn:xmpp:bind:0'/>"
const features = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"

async function cutOff() {
  const { bench, client, socket, id } = await countingPage()
  await bench.server(link => link.receive(stanza('one'), stanza('two')))
  socket.receive(stanza('mine'))
  socket.leave()
  const again = connectPage(bench)
  again.receive(open())
  expect(again.sent[1]).toContain("<sm xmlns='urn:xmpp:sm:3'/>")
  again.sent.length = 0
  const token = await newToken(bench, client)
  const logIn = (resumption: string, bind?: boolean) =>
    again.receive(authenticate(token, undefined, bind).replace('</authenticate>', `${resumption}</authenticate>`))
  return { bench, id, again, logIn }
}

test.each([true, false])('a page that resumes at its login gets the missing stanzas, with <bind/>: %s', async bind => {
  const { bench, id, again, logIn } = await cutOff()
  await bench.server(link => link.receive(stanza('three')))
  logIn(resume(id, 1), bind)
  expect(again.sent).toEqual([
    success(`<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`),
    `${features}</stream:features>`,
    ...[stanza('two'), stanza('three'), "<r xmlns='urn:xmpp:sm:3'/>"],
  ])
  expect(again.sent[0]).toContain(`>juliet@chat.example/balcony<`)
})

test('a page that resumes repeats its message, also behind an answer of the service and with an old `from`', async () => {
  const { bench, client, link, socket, id } = await managedPage()
  const mine = "<message xmlns='jabber:client' from='juliet@chat.example/old' to='romeo@chat.example'/>"
  socket.receive(mine)
  const asks = { name: 'iq', namespace: 'jabber:client', text: "<iq xmlns='jabber:client' type='get' id='q'/>" }
  await bench.server(() => link.events.onDropped!(asks))
  socket.leave()
  const again = await comeBack(bench, client, id, 0)
  again.receive(mine)
  expect(link.sent.join('').match(/<message/g)).toHaveLength(1)
})

test('a message that a page repeats counts for its rate, although it is not sent again', async () => {
  const { bench, client, socket, id } = await managedPage({ byteRate: { sessionBytes: 1_000, sessionBurst: 100_000 } })
  const mine = stanza('mine', 'x'.repeat(5_000))
  socket.receive(mine)
  socket.leave()
  const again = await comeBack(bench, client, id, 0)
  const { uplink } = bench.registry.byId(client.id)!
  const before = uplink.freeAt
  again.receive(mine)
  // A byte takes a millisecond.
  expect(uplink.freeAt).toBe(before + Buffer.byteLength(mine))
})

test.each([
  ['another stream', () => resume('other', 1)],
  ['a count that is too high', (id: string) => resume(id, 3)],
])(
  'a page that resumes with %s at its login is bound instead, and can enable stream management',
  async (_what, resumption) => {
    const { id, again, logIn } = await cutOff()
    logIn(resumption(id))
    expect(again.sent).toEqual([success(failed + bound), `${features}<sm xmlns='urn:xmpp:sm:3'/></stream:features>`])
    again.receive(enable)
    expect(again.sent[2]).toContain("<enabled xmlns='urn:xmpp:sm:3'")
    expect(again.sent.slice(3)).toEqual([stanza('one'), stanza('two'), "<r xmlns='urn:xmpp:sm:3'/>"])
  },
)

test.each<[string, (all: Awaited<ReturnType<typeof managedPage>>) => unknown]>([
  [
    'does not return',
    ({ bench, socket }) => {
      socket.leave()
      return bench.pass(300)
    },
  ],
  ['is logged out', ({ bench, client }) => bench.registry.byId(client.id)!.end('logout', 'loggedOut')],
  ['ends with its process', ({ bench }) => bench.registry.shutDown()],
  ['breaks a rule', ({ socket }) => socket.receive('<not-xml')],
])('a page that %s: the server keeps what the page has not confirmed', async (_what, end) => {
  const all = await managedPage()
  const { bench, link, socket } = all
  await bench.server(() => link.receive(stanza(1), stanza(2), stanza(3)))
  socket.receive(ack(1))
  await end(all)
  expect(link.sent.filter(text => text.startsWith('<a'))).toEqual([ack(1)])
})
