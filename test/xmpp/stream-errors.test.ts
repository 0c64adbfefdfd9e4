import { expect, test } from '@jest/globals'
import { streamEnd } from '../../src/xmpp/stream-errors.js'
import { element } from '../support/element.js'

const errorWith = (text: string) =>
  element(
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" +
      `<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${text}</text></stream:error>`,
  )

test('a client gets the stream error of its server, and of a long one only the condition', () => {
  const short = errorWith('Bye')
  expect(streamEnd(short, 'features').streamError).toBe(short.text)
  const { streamError, failure } = streamEnd(errorWith('x'.repeat(20_000)), 'features')
  expect(streamError).toMatch(/^<stream:error><conflict xmlns='[^']+'\/><text [^>]+>[^<x]+<\/text><\/stream:error>$/)
  expect(failure.condition).toBe('conflict')
})
