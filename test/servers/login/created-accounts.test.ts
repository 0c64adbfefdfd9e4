// Accounts that an admin of the XMPP server makes before the first login of their users (XEP-0133).

import { createSecretKey, randomBytes } from 'node:crypto'
import { afterEach, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { CallerGone } from '../../../src/lib/caller-gone.js'
import { Counts } from '../../../src/lib/counts.js'
import { Problem } from '../../../src/lib/errors.js'
import { Rate } from '../../../src/lib/limits/rates.js'
import { CreatedAccounts, mostAccountsPerSecond } from '../../../src/servers/login/created-accounts.js'
import type { Jid } from '../../../src/xmpp/jid/jid.js'
import { eventually } from '../../support/eventually.js'
import { type Answer, features, loginParts, offer, ScriptedLink, success } from './scripted-link.js'

const login = loginParts(['PLAIN'])
/** Servers write its U-labels. */
const domain = 'xn--bcher-kva.example'
const readyToBind = features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>")
const result = (id: string, inside: string, type = 'result') =>
  `<iq xmlns='jabber:client' type='${type}' id='${id}' from='bücher.example'>${inside}</iq>`
const command = (status: string, inside = '') =>
  `<command xmlns='http://jabber.org/protocol/commands' sessionid='s&amp;1' status='${status}'>${inside}</command>`
const form: Answer = id => result(id, command('executing', "<x xmlns='jabber:x:data' type='form'/>"))
const made: Answer = id => result(id, command('completed'))
const error = (condition: string): Answer => {
  const inside = `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
  return id => result(id, inside, 'error')
}
const loggedIn = (user: string): readonly Answer[] => [offer('PLAIN'), success, readyToBind, boundAs(user)]

const boundAs =
  (user: string): Answer =>
  id =>
    result(id, `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${user}@bücher.example/1</jid></bind>`)

const alice: Jid = { local: 'alice', domain, resource: 'desk' }
const signal = new CallerGone()
const card = { name: 'Alice <& Liddell', address: 'alice@example.org' }

const createBench = (...answers: readonly Answer[]) => createBenchWith(answers)

/** After the first login of alice. */
async function ensured(...answers: readonly Answer[]) {
  const bench = createBench(...answers)
  await bench.accounts.ensure(alice, signal)
  return bench
}

/** The server has received so many texts on the first link. */
async function received(links: readonly ScriptedLink[], count: number): Promise<void> {
  while ((links[0]?.told.length ?? 0) < count) await new Promise(setImmediate)
}

/** `cardAnswers`: in the stream of the new user. */
function createBenchWith(answers: readonly Answer[], cardAnswers?: readonly Answer[]) {
  const links: ScriptedLink[] = []
  const counts = new Counts()
  const refused: unknown[] = []
  const logged: unknown[] = []
  const lines = () => logged
  const rate = new Rate(mostAccountsPerSecond, 1)
  const audit = pino({ base: null, timestamp: false }, { write: line => void logged.push(JSON.parse(line)) })
  const accounts = new CreatedAccounts({
    config: {
      accountMakers: new Map([[domain, 'maker']]),
      loginKeys: new Map([[domain, { alg: 'HS256', key: createSecretKey(randomBytes(32)), kid: undefined } as const]]),
      serviceAccounts: new Map([['*', { user: 'portal', password: 'secret' }]]),
    },
    login,
    connect(_domain, options, events) {
      const [user, own] = links.length === 1 && cardAnswers ? ['alice', cardAnswers] : ['maker', answers]
      const link = new ScriptedLink([...loggedIn(user), ...own], { certificate: false, ...options }, events)
      links.push(link)
      return link
    },
    rate,
    refused: (limit, about) => void refused.push([limit, about]),
    counts,
    audit,
  })
  return { accounts, links, counts, rate, refused, lines }
}

const usersOf = (count: number, local = 'user'): Jid[] =>
  Array.from({ length: count }, (_, number) => ({ ...alice, local: `${local}${number}` }))

/** Time moves on, and the server answers. */
async function passes(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 10) {
    jest.advanceTimersByTime(10)
    for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate)
  }
}

afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

test('asks the server once for each user, and gives the account a password that nobody knows', async () => {
  const { accounts, links, counts, lines } = await ensured(form, made)
  await accounts.ensure({ ...alice, resource: 'sofa' }, signal)
  expect(links).toHaveLength(1)
  const [asked, submitted] = links[0]!.told.slice(-2)
  expect(asked).toMatch(
    / to='bücher\.example' .*node='http:\/\/jabber\.org\/protocol\/admin#add-user' action='execute'/,
  )
  expect(submitted).toContain(" sessionid='s&amp;1'")
  expect(submitted).toContain("<field var='accountjid'><value>alice@bücher.example</value></field>")
  const [, password, again] =
    /'password'><value>([\w-]{32})<.*'password-verify'><value>([\w-]{32})</.exec(submitted!) ?? []
  expect(password).toBe(again)
  expect(counts.accounts).toEqual({ made: 1, known: 0, failed: 0 })
  expect(lines()).toMatchObject([{ msg: 'account', jid: 'alice@bücher.example', code: 'ok' }])
  expect(JSON.stringify(lines())).not.toContain(password)
})

test.each<[string, Answer]>([
  ['with an error', error('conflict')],
  ['with a note, like Prosody', id => result(id, command('completed', "<note type='error'>It exists</note>"))],
])('an account that exists stays, with its vCard, if the server says so %s', async (_how, answer) => {
  const { accounts, counts, links, lines } = createBench(form, answer)
  for (let login = 0; login < 2; login++) await accounts.ensure(alice, signal, card)
  expect([links.length, counts.accounts, lines()]).toEqual([1, { made: 0, known: 1, failed: 0 }, []])
})

const flood = "<message from='x'><body>x</body></message><iq type='result' id='x' from='bücher.example'/>".repeat(500)
const unreadable: Answer = id => result(id, '<p:a/>'.repeat(500)).replace('<iq', `<iq xmlns:p='urn:${'x'.repeat(200)}'`)
const full: Answer = id => result(id, command('completed', "<note type='error'>Failed to write data to disk</note>"))
const setting = 'XMPP_CREATE_ACCOUNTS'
const told = (detail: string, more = {}) => ({ detail: expect.stringContaining(detail), ...more })

test.each<[string, readonly Answer[], object, string | undefined]>([
  ['it is no admin', [error('forbidden')], told(setting, { condition: 'forbidden' }), undefined],
  ['nobody can add users', [error('item-not-found')], told(setting, { condition: 'item-not-found' }), undefined],
  ['the server could not store it', [form, full], told('Failed to write data'), undefined],
  ['the answer cannot be read', [unreadable], {}, undefined],
  ['stanzas without end come instead', [flood], told('nobody asked', { code: 'remote-protocol-error' }), 'abandoned'],
])('without an account each login goes on, and the operator is told: %s', async (_what, answers, line, gone) => {
  const { accounts, counts, links, lines } = createBench(...answers)
  for (let login = 0; login < 2; login++) await accounts.ensure(alice, signal)
  expect([links.length, counts.accounts]).toEqual([2, { made: 0, known: 0, failed: 2 }])
  expect(lines()).toMatchObject(Array(2).fill({ msg: 'account', level: 40, jid: 'alice@bücher.example', ...line }))
  expect(links[0]!.gone).toBe(gone)
})

test.each(['maker', 'portal', 'Admin', 'postmaster'])('no account is made for %s', async local => {
  const { accounts, links } = createBench(form, made)
  await accounts.ensure({ ...alice, local }, signal)
  await accounts.ensure({ ...alice, domain: 'other.example' }, signal)
  expect(links).toEqual([])
})

test('above the limit, logins of new users wait, and are refused after two thirds of the time', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
  const { accounts, counts, refused } = createBench(form, made)
  const users = usersOf(6 * mostAccountsPerSecond)
  const all = Promise.allSettled(users.map(user => accounts.ensure(user, signal)))
  for (let second = 1; second <= login.stepTimeout; second++) {
    await passes(950)
    expect(counts.accounts.made).toBe(second * mostAccountsPerSecond)
    await passes(50)
  }
  const reasons = (await all).flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
  expect(reasons).toMatchObject(
    Array(mostAccountsPerSecond).fill({ code: 'temporary-auth-failure', retryAfterSeconds: 1 }),
  )
  expect(refused).toEqual(Array(mostAccountsPerSecond).fill(['accounts', { domain }]))
})

test('after a restart, all users whose accounts exist log in at once', async () => {
  const { accounts, counts, refused } = createBench(form, error('conflict'))
  await Promise.all(usersOf(4 * mostAccountsPerSecond).map(user => accounts.ensure(user, signal)))
  expect([counts.accounts.known, refused]).toEqual([4 * mostAccountsPerSecond, []])
})

test('if too many logins of a domain wait for an account, further logins are refused at once', async () => {
  const { accounts, refused, links } = createBench(form)
  const caller = new CallerGone()
  const underWay = usersOf(mostAccountsPerSecond).map(user => accounts.ensure(user, caller))
  while (links.length < mostAccountsPerSecond) await new Promise(setImmediate)
  const waiting = usersOf(1001, 'waiting').map(user => accounts.ensure(user, caller))
  await expect(accounts.ensure(alice, signal)).rejects.toMatchObject({ code: 'temporary-auth-failure' })
  expect(refused).toHaveLength(1)
  caller.abort()
  const all = await Promise.allSettled([...underWay, ...waiting])
  expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(1021)
})

test('a server that does not answer delays a login by two thirds of its time at most', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] })
  const { accounts, counts, lines, links } = createBench()
  const ensured = accounts.ensure(alice, signal)
  await passes(login.stepTimeout * 1000 - 500)
  links[0]!.say(form(/ id='([^']+)'/.exec(links[0]!.told.at(-1)!)![1]!, []))
  await passes(400)
  expect([counts.accounts.failed, links[0]!.told.at(-1)]).toEqual([0, expect.stringContaining("type='submit'")])
  await passes(100)
  await ensured
  expect(counts.accounts.failed).toBe(1)
  expect(lines()).toMatchObject([{ jid: 'alice@bücher.example', code: 'timeout', detail: 'Limit: WARM_TIMEOUT.' }])
})

test.each<[string, 'made' | 'failed', readonly Answer[]]>([
  ['new', 'made', [form, made]],
  ['refused', 'failed', [error('forbidden')]],
])('logins of a user at the same time count as one %s account', async (_what, outcome, answers) => {
  const { accounts, links, refused, counts, lines } = createBench(...answers)
  await Promise.all(Array.from({ length: mostAccountsPerSecond + 5 }, () => accounts.ensure(alice, signal)))
  expect([links.length, counts.accounts[outcome], lines().length, refused]).toEqual([1, 1, 1, []])
})

test('if the first of two logins of a new user leaves, the other makes the account', async () => {
  const { accounts, links, counts } = createBench(form, made)
  const caller = new AbortController()
  const first = accounts.ensure(alice, caller.signal)
  const other = accounts.ensure(alice, signal)
  while (links.length === 0) await new Promise(setImmediate)
  caller.abort()
  await expect(first).rejects.toBeDefined()
  await other
  expect([links.length, counts.accounts.made]).toEqual([2, 1])
})

test.each<[string, readonly Answer[]]>([
  ['the form', [error('forbidden')]],
  ['the account', [form, error('not-allowed')]],
])('accounts that the server refuses do not count for the limit: %s', async (_what, answers) => {
  const { accounts, counts, refused } = createBench(...answers)
  for (let number = 0; number < mostAccountsPerSecond + 5; number++)
    await accounts.ensure({ ...alice, local: `user${number}` }, signal)
  expect([counts.accounts.failed, refused]).toEqual([mostAccountsPerSecond + 5, []])
})

test('a link that ends also ends the wait, and more than a second later does not raise the limit', async () => {
  const { accounts, links, rate, lines } = createBench('')
  const giveBack = jest.spyOn(rate, 'giveBack')
  const ensured = accounts.ensure(alice, signal)
  await received(links, 5)
  const now = performance.now()
  jest.spyOn(performance, 'now').mockReturnValue(now + 1000)
  links[0]!.events.onEnd({ failure: { step: 'stream', code: 'remote-connection-failed' } })
  await ensured
  expect(giveBack).not.toHaveBeenCalled()
  expect(lines()).toMatchObject([{ code: 'remote-connection-failed' }])
})

test('a login whose caller leaves before the account is asked for does not count for the limit', async () => {
  const { accounts, links, refused, counts } = createBench(form, made)
  for (let number = 0; number < mostAccountsPerSecond + 5; number++) {
    const caller = new AbortController()
    const leaving = accounts.ensure({ ...alice, local: `user${number}` }, caller.signal)
    while (links.length <= number && refused.length === 0) await new Promise(setImmediate)
    caller.abort()
    await expect(leaving).rejects.toBeInstanceOf(Problem)
  }
  await accounts.ensure(alice, signal)
  expect([counts.accounts.made, refused]).toEqual([1, []])
})

test('an account that may have been made while the caller left has an audit line', async () => {
  const { accounts, counts, links, lines } = createBench(form, '')
  const caller = new AbortController()
  const leaving = accounts.ensure(alice, caller.signal)
  await received(links, 6)
  caller.abort()
  await expect(leaving).rejects.toBeInstanceOf(Problem)
  expect(lines()).toMatchObject([
    { level: 40, jid: 'alice@bücher.example', code: 'timeout', detail: expect.stringContaining('may have made') },
  ])
  expect(counts.accounts).toEqual({ made: 0, known: 0, failed: 1 })
})

const fromAlice =
  (inside = '', type = 'result'): Answer =>
  id =>
    result(id, inside, type).replace("from='bücher.example'", "from='alice@bücher.example'")

test.each<[string, Answer]>([
  ['ejabberd', fromAlice()],
  ['Prosody, without from', id => result(id, '').replace(" from='bücher.example'", '')],
])('a new account gets the name in its vCard, written by its user: %s', async (_server, answer) => {
  const { accounts, links, lines } = createBenchWith([form, made], [answer])
  await accounts.ensure(alice, signal, card)
  await eventually('the vCard', () => links[1]?.told.at(-1)?.includes('vCard') === true)
  expect(links[1]!.told.at(-1)).toContain("to='alice@bücher.example'")
  expect(links[1]!.told.at(-1)).toContain(
    "<vCard xmlns='vcard-temp'><FN>Alice &lt;&amp; Liddell</FN><EMAIL><INTERNET/><USERID>alice@example.org</USERID></EMAIL></vCard>",
  )
  expect(lines()).toHaveLength(1)
})

test('a server that does not answer a vCard does not delay the login', async () => {
  const { accounts, links } = createBenchWith([form, made], [])
  await accounts.ensure(alice, signal, card)
  await eventually('the vCard', () => links[1]?.told.at(-1)?.includes('vCard') === true)
  links[1]!.events.onEnd({ failure: { step: 'stream', code: 'remote-connection-failed' } })
})

test('without a vCard the login goes on, and the operator is told', async () => {
  const refusal = "<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
  const { accounts, counts, lines } = createBenchWith([form, made], [fromAlice(refusal, 'error')])
  await accounts.ensure(alice, signal, card)
  expect(counts.accounts).toEqual({ made: 1, known: 0, failed: 0 })
  await eventually('the log', () => lines().length === 2)
  expect(lines()).toMatchObject([{ code: 'ok' }, { level: 40, condition: 'feature-not-implemented' }])
})
