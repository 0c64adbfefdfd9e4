// Logins that succeed, but whose page cannot get the session.
import { expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { CallerGone } from '../../../src/lib/caller-gone.js'
import { Counts } from '../../../src/lib/counts.js'
import { hashQueue } from '../../../src/lib/limits/hash-queue.js'
import { KeyedQueue } from '../../../src/lib/limits/keyed-queue.js'
import { Rate } from '../../../src/lib/limits/rates.js'
import { CreatedAccounts } from '../../../src/servers/login/created-accounts.js'
import type { LoginParts } from '../../../src/servers/login/login.js'
import { Pipelining } from '../../../src/servers/login/pipelining.js'
import { createSaltedPasswords } from '../../../src/servers/login/sasl/salted-passwords.js'
import type { Mending } from '../../../src/session/link/mending.js'
import type { Open, OpenLogin } from '../../../src/session/session-types.js'
import { createLogins } from '../../../src/warm/warming/session-login.js'
import type { OpenLink } from '../../../src/xmpp/link.js'
import {
  type Answer,
  bind,
  bound,
  features,
  offer,
  ScriptedLink,
  sasl,
  success,
} from '../../servers/login/scripted-link.js'
import { scram } from '../../servers/login/scripted-scram.js'
import { FakeClock } from '../../support/fake-clock.js'

const answers = [offer('PLAIN'), success, features(`<bind xmlns='${bind}'/>`), bound]

type HandOver = OpenLogin['handOver']

const given: HandOver = async () => ({}) as never

/** Opens links that answer with `script`. */
const opening =
  (script: () => readonly Answer[], handOver: HandOver = given): Open =>
  (_domain, options, events) =>
    Object.assign(new ScriptedLink(script(), { ...options, certificate: false }, events), { id: 'handle', handOver })

const connecting =
  (script: () => readonly Answer[]): OpenLink =>
  (_domain, options, events) =>
    new ScriptedLink(script(), { certificate: false, ...options }, events)

const request = {
  jid: { local: 'juliet', domain: 'chat.example', resource: 'balcony' },
  credentials: { kind: 'password', password: 's3cret' } as const,
  ...{ language: 'en', wait: 60, hold: 1, ver: '1.6', attachSeconds: 120, attachBinding: 'off' as const },
  ids: { requestId: 'request' },
}

/** Only some tests look at the time and the mechanisms. */
const parts = (more: Partial<LoginParts> = {}): LoginParts => ({
  ...{ timeout: 5, stepTimeout: 5, mechanisms: ['PLAIN'], scramMaxIterations: 4096, pipelining: undefined },
  saltedPasswords: createSaltedPasswords(new FakeClock(), 0, hashQueue()),
  ...more,
})

const account = { user: 'portal', password: 's3cret' }
const byAccount = { ...request, credentials: { kind: 'service', account } as const }

/** An admin of the server, which answers with `answers`, makes them. */
const createdAccounts = (answers: readonly Answer[], login = parts(), counts = new Counts()) =>
  new CreatedAccounts({
    config: {
      accountMakers: new Map([['chat.example', 'maker']]),
      loginKeys: new Map(),
      serviceAccounts: new Map([['*', account]]),
    },
    login,
    connect: connecting(() => answers),
    rate: new Rate(20, 1),
    refused() {},
    counts,
    audit: pino({ level: 'silent' }),
  })

const noAccounts = { ensure: async () => {}, forget: () => {} }

test.each([
  ['has ended', async () => undefined, 'remote-connection-failed'],
  ['fails', () => Promise.reject(new Error('no terms')), undefined],
])('the link of a session that %s at the end of its login is closed', async (_what, handOver, code) => {
  const links: ScriptedLink[] = []
  const open: Open = (...about) => {
    const link = opening(() => answers, handOver)(...about)
    links.push(link as unknown as ScriptedLink)
    return link
  }
  const { login } = createLogins(parts(), open, noAccounts)
  await expect(login(request, new CallerGone())).rejects.toMatchObject(code ? { code } : {})
  expect(links.map(({ gone }) => gone)).toEqual(['abandoned'])
})

test('a login whose session an admin has ended is not repeated, even if it was pipelined', async () => {
  const pipelining = new (class extends Pipelining {
    override get isToBlame() {
      return true
    }
  })()
  const failed: boolean[] = []
  const pipelined = parts({
    pipelining: {
      foresee: () => pipelining,
      succeeded: () => {},
      failed: (_domain, _pipelining, isLeft) => void failed.push(isLeft),
    },
  })
  let opened = 0
  const open: Open = (domain, options, events) => {
    opened += 1
    setImmediate(() => events.onEnd({ failure: { step: 'features', code: 'session-not-found' } }))
    return opening(() => [])(domain, options, events)
  }
  const { login } = createLogins(pipelined, open, noAccounts)
  await expect(login(request, new CallerGone())).rejects.toMatchObject({ code: 'session-not-found' })
  expect([opened, failed]).toEqual([1, [true]])
})

test('a login as a whole, with its account, takes at most its time', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
  const limited = parts({ timeout: 6, stepTimeout: 4 })
  const counts = new Counts()
  const accounts = createdAccounts([], limited, counts)
  const open = opening(() => answers.slice(0, 1))
  const { login } = createLogins(limited, open, accounts)
  let took: number | undefined
  const since = performance.now()
  const failed = login(byAccount, new CallerGone()).catch(error => {
    took = performance.now() - since
    return error
  })
  for (let passed = 0; passed < 12_000 && took === undefined; passed += 100) {
    jest.advanceTimersByTime(100)
    for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate)
  }
  expect([took, counts.accounts.failed]).toEqual([6000, 1])
  expect(await failed).toMatchObject({ code: 'timeout', step: 'sasl' })
  jest.useRealTimers()
})

test('the keys for mending a link log in again', async () => {
  const byScram = () => {
    const { name, challenge, end } = scram()
    return [offer(name), challenge, end, features(`<bind xmlns='${bind}'/><sm xmlns='urn:xmpp:sm:3'/>`), bound]
  }
  let kept: Mending | undefined
  const open = opening(byScram, async (_jid, _undelivered, _handover, management) => {
    kept = management!.mending
    return {} as never
  })
  const { login } = createLogins(parts({ mechanisms: ['SCRAM-SHA-1'] }), open, noAccounts, {
    longest: 60_000,
    queue: new KeyedQueue(1),
    operatorLogin: () => undefined,
    connect: connecting(byScram),
  })
  await login(request, new CallerGone()).catch(() => {})
  const turn = { isUrgent: () => false, onBegin() {} }
  const again = kept!.logInAgain(new AbortController().signal, turn, { previd: 's1', h: '0' })
  expect((await again).link).toBeInstanceOf(ScriptedLink)
})

test('an account that was deleted at the server is made again at the login after the refused one', async () => {
  const existing = new Set<string>()
  let commands = 0
  const iq = (id: string, inside: string) =>
    `<iq xmlns='jabber:client' type='result' id='${id}' from='chat.example'>${inside}</iq>`
  const form = "<command xmlns='http://jabber.org/protocol/commands' sessionid='s' status='executing'/>"
  const boundAs = (user: string) => (id: string) =>
    iq(id, `<bind xmlns='${bind}'><jid>${user}@chat.example/balcony</jid></bind>`)
  const accounts = createdAccounts([
    ...answers.slice(0, 3),
    boundAs('maker'),
    id => iq(id, form),
    id => {
      commands += 1
      existing.add('juliet')
      return iq(id, form.replace('executing', 'completed'))
    },
  ])
  const refusal = `<failure xmlns='${sasl}'><invalid-authzid/></failure>`
  const open = opening(() => [
    ...[offer('PLAIN'), () => (existing.has('juliet') ? success : refusal)],
    ...answers.slice(2),
  ])
  const { login } = createLogins(parts(), open, accounts)
  const logIn = () => login(byAccount, new CallerGone())
  await logIn()
  existing.clear()
  await expect(logIn()).rejects.toMatchObject({ code: 'authzid-refused' })
  await logIn()
  expect(commands).toBe(2)
})
