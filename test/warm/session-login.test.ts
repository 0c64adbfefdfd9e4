// What becomes of a session that cannot be handed out once its user is logged in.
import { expect, test } from '@jest/globals'
import { hashQueue } from '../../src/lib/limits/hash-queue.js'
import { Pipelining } from '../../src/servers/login/pipelining.js'
import { createSaltedPasswords } from '../../src/servers/login/sasl/salted-passwords.js'
import { createVerifiedCredentials } from '../../src/servers/login/verified-credentials.js'
import { createLogins } from '../../src/warm/session-login.js'
import type { Binding } from '../../src/xmpp/page-binding.js'
import { ScriptedLink } from '../servers/login/scripted-link.js'
import { FakeClock } from '../support/fake-clock.js'

const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const bind = 'urn:ietf:params:xml:ns:xmpp-bind'
const features = (inside: string) =>
  `<stream:features xmlns:stream='http://etherx.jabber.org/streams'>${inside}</stream:features>`
const answers = [
  features(`<mechanisms xmlns='${sasl}'><mechanism>PLAIN</mechanism></mechanisms>`),
  `<success xmlns='${sasl}'/>`,
  features(`<bind xmlns='${bind}'/>`),
  (id: string) =>
    `<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='${bind}'><jid>juliet@chat.example/balcony</jid></bind></iq>`,
]

class HandingOut extends ScriptedLink {
  readonly id = 'handle'
  handOver: () => Promise<Binding | undefined> = async () => undefined
}

const request = {
  jid: { local: 'juliet', domain: 'chat.example', resource: 'balcony' },
  credentials: { kind: 'password', password: 's3cret' } as const,
  language: 'en',
  wait: 60,
  hold: 1,
  ver: '1.6',
  attachSeconds: 120,
  attachBinding: 'off' as const,
  requestId: 'request',
}

test.each([
  ['is over', async () => undefined, 'remote-connection-failed'],
  ['fails at it', () => Promise.reject(new Error('no terms')), undefined],
])('a session that %s when it is to be handed out is ended', async (_what, handOver, code) => {
  const links: HandingOut[] = []
  const clock = new FakeClock()
  const { login } = createLogins(
    {
      timeout: 5,
      stepTimeout: 5,
      mechanisms: ['PLAIN'],
      scramMaxIterations: 4096,
      saltedPasswords: createSaltedPasswords(clock, 0, hashQueue()),
      pipelining: undefined,
      verified: createVerifiedCredentials(clock, 0),
    },
    (_domain, options, events) => {
      const link = Object.assign(new HandingOut(answers, { ...options, certificate: false }, events), {
        handOver,
      })
      links.push(link)
      return link
    },
  )
  await expect(login(request, new AbortController().signal)).rejects.toMatchObject(code ? { code } : {})
  expect(links.map(({ isAbandoned }) => isAbandoned)).toEqual([true])
})

test('a login whose session an admin has ended is not done again, whatever it sent ahead', async () => {
  const clock = new FakeClock()
  const pipelining = new (class extends Pipelining {
    override get isToBlame() {
      return true
    }
  })()
  const failed: boolean[] = []
  let opened = 0
  const { login } = createLogins(
    {
      timeout: 5,
      stepTimeout: 5,
      mechanisms: ['PLAIN'],
      scramMaxIterations: 4096,
      saltedPasswords: createSaltedPasswords(clock, 0, hashQueue()),
      pipelining: {
        foresee: () => pipelining,
        succeeded: () => {},
        failed: (_domain, _pipelining, isLeft) => void failed.push(isLeft),
      },
      verified: createVerifiedCredentials(clock, 0),
    },
    (_domain, options, events) => {
      opened += 1
      setImmediate(() => events.onEnd({ failure: { step: 'features', code: 'session-not-found' } }))
      return new HandingOut([], { ...options, certificate: false }, events)
    },
  )
  await expect(login(request, new AbortController().signal)).rejects.toMatchObject({
    code: 'session-not-found',
  })
  expect([opened, failed]).toEqual([1, [true]])
})
