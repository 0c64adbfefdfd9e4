import { expect, test } from '@jest/globals'
import { errorToSender } from '../../src/session/link/error-replies.js'
import { countSteps } from '../support/steps.js'

const stanza = (name: string, text: string) => ({ name, namespace: 'jabber:client', text })

test.each([
  [
    'a request',
    stanza('iq', "<iq xmlns='jabber:client' type='get' id='1' from='a@x/r' to='b@x/r'><query xmlns='q'/></iq>"),
    "<iq xmlns='jabber:client' type='error' to='a@x/r' id='1'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
  ],
  [
    'a message',
    stanza('message', "<message xmlns='jabber:client' from='a&amp;b@x'><body>hi</body></message>"),
    "<message xmlns='jabber:client' type='error' to='a&amp;b@x'><error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
  ],
  [
    'a message with odd attributes',
    stanza(
      'message',
      `<message xmlns='jabber:client' xmlns:${'p'.repeat(253)}='urn:p' ${'p'.repeat(253)}:k='1' from='a@x/\u2028"&#39;' id="'&quot;&lt;&#13;&#10;" xml:lang="'"/>`,
    ),
    "<message xmlns='jabber:client' type='error' to='a@x/\u2028&quot;&apos;' id='&apos;&quot;&lt;&#13;&#10;'><error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
  ],
])('the sender of %s that the page never fetched gets an error', (_what, element, answer) => {
  expect(errorToSender(element)?.text).toBe(answer)
})

test.each([
  ['presence', stanza('presence', "<presence xmlns='jabber:client'/>")],
  ['an answer', stanza('iq', "<iq xmlns='jabber:client' type='result' id='1'/>")],
  ['an error', stanza('message', "<message xmlns='jabber:client' type='error'/>")],
  [
    'an element that is no stanza',
    { name: 'features', namespace: 'http://etherx.jabber.org/streams', text: '<features/>' },
  ],
])('no error is sent for %s that the page never fetched', (_what, element) => {
  expect(errorToSender(element)).toBeUndefined()
})

test('the error for a sender does not depend on the content of the stanza', () => {
  const text = `<message xmlns='jabber:client' from='a@x' id='a&amp;b'>${'<é/>'.repeat(20_000)}</message>`
  const steps = countSteps(() =>
    expect(errorToSender(stanza('message', text))?.text).toContain("to='a@x' id='a&amp;b'"),
  )
  expect(steps).toBeLessThan(text.length / 2)
})
