import { expect, test } from '@jest/globals'
import { errorToSender } from '../../src/session/link/error-replies.js'
import { countSteps } from '../support/steps.js'

const stanza = (name: string, text: string) => ({ name, namespace: 'jabber:client', text })
const error = (type: string, condition: string) =>
  `<error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
const prefix = 'p'.repeat(253)

test.each([
  ['iq', "type='get' id='1' from='a@x/r' to='b@x/r'", "to='a@x/r' id='1'", error('cancel', 'service-unavailable')],
  ['message', "from='a&amp;b@x'", "to='a&amp;b@x'", error('wait', 'recipient-unavailable')],
  [
    'message',
    `xmlns:${prefix}='urn:p' ${prefix}:k='1' from='a@x/\u2028"&#39;' id="'&quot;&lt;&#13;&#10;" xml:lang="'"`,
    "to='a@x/\u2028&quot;&apos;' id='&apos;&quot;&lt;&#13;&#10;'",
    error('wait', 'recipient-unavailable'),
  ],
])('the sender of an %s with %s that the page never fetched gets an error', (name, attributes, answered, why) => {
  const element = stanza(name, `<${name} xmlns='jabber:client' ${attributes}><body>hi</body></${name}>`)
  expect(errorToSender(element)?.text).toBe(`<${name} xmlns='jabber:client' type='error' ${answered}>${why}</${name}>`)
})

test.each([
  ['presence', stanza('presence', "<presence xmlns='jabber:client'/>")],
  ['an answer', stanza('iq', "<iq xmlns='jabber:client' type='result' id='1'/>")],
  ['an error', stanza('message', "<message xmlns='jabber:client' type='error'/>")],
  ['another element', { name: 'features', namespace: 'http://etherx.jabber.org/streams', text: '<features/>' }],
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
