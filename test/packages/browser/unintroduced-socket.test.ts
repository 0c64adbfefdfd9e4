// A session whose first connection breaks before the server knows its page.
import { expect, jest, test } from '@jest/globals'
import { connect, eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { FakeConnection, type FakeElement, fakeElement, Status } from '../../support/fake-strophe.js'

const page = eachPage()

test('a session whose WebSocket breaks before the login is introduced, and the archive asked, when it is resumed', async () => {
  let receive = (_stanza: FakeElement) => true
  const asked: (string | null)[] = []
  jest.spyOn(FakeConnection.prototype, 'addHandler').mockImplementation(((
    handler: typeof receive,
    _namespace: string,
    name: string,
  ) => {
    if (name === 'message') receive = handler
  }) as never)
  const { sendIQ } = FakeConnection.prototype
  jest.spyOn(FakeConnection.prototype, 'sendIQ').mockImplementation(function (
    this: FakeConnection,
    ...given: Parameters<typeof sendIQ>
  ) {
    asked.push((given[0] as unknown as FakeElement).children[0]!.namespaceURI)
    return sendIQ.apply(this, given)
  })
  const second = { ...pageBinding, jid: 'alice@localhost/2' }
  const bindings = [pageBinding, second, { ...second, resumed: true, delivered: 0 }]
  void connect({
    Strophe: page.Strophe,
    binding: async () => bindings.shift(),
    history: 0,
    transport: 'websocket',
    onStatus() {},
  })
  await passes(0)
  page.last.becomes(Status.connected)
  for (const _ of [1, 2]) {
    page.last.answers()
    await passes(0)
  }
  const fromBob = { from: 'bob@localhost/x', to: 'alice@localhost/1', type: 'chat', id: 'm1' }
  const archived = fakeElement('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: 'alice@localhost', id: 'a1' })
  receive(fakeElement('message', fromBob, fakeElement('body', {}, 'Hi'), archived))
  // The session ends. The WebSocket of the next one breaks before its login.
  page.last.becomes(Status.disconnected)
  await passes(3000)
  page.last.becomes(Status.disconnected)
  await passes(5000)
  asked.length = 0
  page.last.becomes(Status.connected)
  await passes(0)
  expect([page.last.sentNames.includes('presence'), asked.includes('urn:xmpp:mam:2')]).toEqual([true, true])
})
