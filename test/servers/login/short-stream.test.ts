// A stream of the service's own must take no FAST token.
import { expect, test } from '@jest/globals'
import { CallerGone } from '../../../src/lib/caller-gone.js'
import { createFastTokens } from '../../../src/servers/login/fast-tokens.js'
import { openShortStream } from '../../../src/servers/login/short-stream.js'
import { features, loginParts, ScriptedLink } from './scripted-link.js'

const sasl2 = features(
  "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline>" +
    "<bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind>" +
    "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>",
)
const success =
  "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>maker@chat.example/1</authorization-identifier>" +
  "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3'/></bound><token xmlns='urn:xmpp:fast:0' token='secret-token' expiry='2030-01-01T00:00:00Z'/></success>"

test('a stream of the service itself asks for no token, which the server would keep', async () => {
  let told: readonly string[] = []
  await openShortStream(
    loginParts(['PLAIN'], { linkResumeSeconds: 300, tokens: createFastTokens() }),
    (_domain, options, events) => {
      const link = new ScriptedLink([sasl2, success], { certificate: false, ...options }, events)
      link.facts = { encrypted: true, plainAllowed: true, sasl2Allowed: true }
      told = link.told
      return link
    },
    {
      jid: { local: 'maker', domain: 'chat.example', resource: undefined },
      credentials: { kind: 'password', password: 'secret' },
    },
    new CallerGone(),
  )
  expect(told.join('')).not.toContain('<request-token')
})
