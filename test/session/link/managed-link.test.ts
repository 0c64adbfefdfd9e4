import { describe, expect, test } from '@jest/globals'
import type { TermLimits } from '../../../src/browsers/bosh/terms.js'
import type { EndReason } from '../../../src/lib/counts.js'
import { Problem, type ProblemCode } from '../../../src/lib/errors.js'
import type { How } from '../../../src/session/endings.js'
import { inspect } from '../../../src/session/payload.js'
import { setDown } from '../../../src/session/registry/moving-sessions.js'
import type { LinkEnd } from '../../../src/xmpp/link.js'
import { smNamespace } from '../../../src/xmpp/namespaces.js'
import { readElement } from '../../../src/xmpp/xml/document.js'
import { droppedStanza } from '../../../src/xmpp/xml/element.js'
import {
  type BenchOptions,
  BoshBench,
  type Client,
  type FakeLink,
  FakeMending,
  features,
  lost,
  message,
  terminated,
} from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'
import { enabledByServer as enabled } from '../../support/next-process.js'

const sm = `xmlns='${smNamespace}'`
const r = `<r ${sm}/>`
const a = (count: number) => `<a ${sm} h='${count}'/>`
const resumed = (count: number, previd = 'first') => `<resumed ${sm} previd='${previd}' h='${count}'/>`
const failed = `<failed ${sm}><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`
const numbered = (count: number, from = 1) => Array.from({ length: count }, (_, index) => message(`${from + index}`))
const timedOut = "<error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

/** A session whose server counts stanzas. */
class Managed {
  constructor(
    readonly bench: BoshBench,
    readonly client: Client,
    readonly mending: FakeMending,
  ) {}

  get link(): FakeLink {
    return this.client.link
  }

  readonly ends = (end: LinkEnd) => this.bench.server(() => this.link.end(end))

  readonly breaks = () => this.ends(lost)

  /** The newest login succeeds, and its new stream gets features. */
  readonly loginSucceeds = async (): Promise<FakeLink> => {
    const link = this.mending.attempts.at(-1)!.succeed()
    await this.bench.pass(0)
    link.receive(features)
    await this.bench.pass(0)
    return link
  }

  /** The link breaks, and its first login has an outcome. */
  readonly firstLogin = async (outcome: (attempt: FakeMending['attempts'][number]) => unknown): Promise<void> => {
    await this.breaks()
    outcome(this.mending.attempts[0]!)
    await this.bench.pass(0)
  }

  /** The link breaks, and the login on the new link succeeds. */
  readonly breaksAndReturns = async (): Promise<FakeLink> => {
    await this.breaks()
    return this.loginSucceeds()
  }

  /** The newest login succeeds, and the server, which has handled so many stanzas, resumes the stream. */
  readonly resumes = async (count: number): Promise<FakeLink> => {
    const link = await this.loginSucceeds()
    await this.bench.server(() => link.say(resumed(count)))
    return link
  }

  readonly breaksAndResumes = async (count: number): Promise<FakeLink> => {
    await this.breaks()
    return this.resumes(count)
  }

  readonly expectNothingLeft = async (): Promise<void> => {
    const { bench } = this
    await bench.pass(1)
    bench.sums.close()
    expect(bench.registry.size).toBe(0)
    expect(bench.waiting.bytes).toBe(0)
    expect(bench.clock.pending).toBe(0)
    expect(this.mending.wiped).toBeGreaterThan(0)
  }
}

/** Opens a session whose server counts stanzas. Forgets what was sent before. */
async function managed(
  about: BenchOptions & {
    answer?: string
    attributes?: string
    terms?: Partial<TermLimits>
    mending?: FakeMending
    isMended?: boolean
  } = {},
): Promise<Managed> {
  const { mending = new FakeMending(), isMended = true, answer = enabled, attributes, terms, ...options } = about
  const bench = new BoshBench(terms, undefined, options)
  const client = await bench.warmed({ management: { mending: isMended ? mending : undefined } }, attributes)
  await bench.server(link => link.say(answer))
  client.link.sent.length = 0
  return new Managed(bench, client, mending)
}

/** The server sends `<r/>`, and the time for the answer passes. */
async function isAsked(bench: BoshBench, link: FakeLink): Promise<void> {
  await bench.server(() => link.say(r))
  await bench.pass(2.25)
}

test('an answer that confirms nothing has no question before a second', async () => {
  const { bench, client } = await managed()
  await client.next('<message/>'.repeat(150))
  const asked = () => client.link.sent.filter(text => text.includes('<r ')).length
  const before = asked()
  for (let times = 0; times < 50; times++) await bench.server(link => link.say(`<a ${sm} h='0'/>`))
  expect([before, asked()]).toEqual([1, 1])
  await bench.pass(1)
  expect(asked()).toBe(2)
})

describe('the service enables stream management', () => {
  test.each([
    ['with resumption for a link that can be mended', { mending: new FakeMending(59_500) }, " resume='true' max='60'"],
    ['without resumption for a link that cannot be mended', { mending: undefined }, ''],
  ])('%s', async (_what, management, attributes) => {
    const { link } = await new BoshBench().warmed({ management })
    expect(link.sent).toEqual([`<enable ${sm}${attributes}/>`])
  })

  test('once: after <failed/>, it counts no stanzas, and the page cannot enable it either', async () => {
    const { bench, client, link, mending } = await managed({ answer: failed })
    expect(mending.wiped).toBe(1)
    expect((await client.next(`<enable ${sm}/>`)).reply?.body).toContain('<unexpected-request ')
    for (const text of numbered(12)) await client.next(text)
    await bench.pass(5)
    expect(link.sent).toEqual(numbered(12))
    expect(bench.waiting.bytes).toBeLessThan(2048)
    await bench.server(() => link.end(lost))
    expect(mending.attempts).toEqual([])
  })

  test.each([
    ['not again if the login enabled it, and then counts later stanzas', element(enabled), [], 3],
    ['with the login’s last request, and then counts stanzas after the answer', 'requested', [enabled], 2],
  ] as const)('%s', async (_what, asked, answer, counted) => {
    const bench = new BoshBench()
    const mending = new FakeMending()
    const client = await bench.warmed({
      management: { mending, enabled: asked },
      undelivered: [message('1'), ...answer, message('2')].map(element),
    })
    const { link } = client
    await bench.server(() => link.receive(features, message('3')))
    const { reply } = await client.next()
    expect(reply?.body).toContain(numbered(3).join(''))
    expect(reply?.body).not.toMatch(/features|enabled/)
    await client.next()
    await isAsked(bench, link)
    expect(link.sent).toEqual([a(counted)])
    await bench.server(() => link.end(lost))
    expect(mending.attempts).toHaveLength(1)
  })

  test('and does not keep an id of the stream that is longer than XEP-0198 allows', async () => {
    const { bench, link, mending } = await managed({ answer: enabled.replace('first', 'x'.repeat(4_001)) })
    await bench.server(() => link.end(lost))
    expect(mending.attempts).toEqual([])
  })

  test('once more, if the server has handled it before the bind request', async () => {
    const bench = new BoshBench()
    const mending = new FakeMending()
    const client = await bench.warmed({ management: { mending, enabled: 'requested' } })
    const { link } = client
    await client.next(message('early'))
    const refusal = `<failed ${sm}><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`
    await bench.server(() => link.say(refusal))
    expect(link.sent).toEqual([message('early'), `<enable ${sm} resume='true' max='60'/>`])
    await client.next(message('counted'))
    await bench.server(() => link.say(enabled))
    await bench.pass(1.25)
    await bench.server(() => link.say(a(1)))
    expect(bench.registry.size).toBe(1)
    expect(mending.wiped).toBe(0)
    const again = await bench.warmed({ management: { mending, enabled: 'requested' } })
    for (let time = 0; time < 2; time++) await bench.server(() => again.link.say(refusal))
    expect([again.link.sent.length, mending.wiped]).toEqual([1, 1])
  })
})

describe('<r/> from the server is answered', () => {
  test('after two seconds, with the stanzas that an empty request has acknowledged', async () => {
    const { bench, client, link } = await managed()
    await client.next()
    await bench.server(() => link.receive(...numbered(2)))
    await bench.server(() => link.say(r))
    await bench.pass(1.75)
    expect(link.sent).toEqual([])
    await client.next()
    await bench.pass(0.5)
    expect(link.sent).toEqual([a(2)])
  })

  test('once, although the server sends <r/> again meanwhile', async () => {
    const { bench, link } = await managed()
    for (let time = 0; time < 3; time++) {
      await bench.server(() => link.say(r))
      await bench.pass(0.75)
    }
    expect(link.sent).toEqual([a(0)])
    await bench.pass(5)
    expect(link.sent).toEqual([a(0)])
  })

  test('not with the next stanza, and without replies that may not have arrived', async () => {
    const { bench, client, link } = await managed()
    await client.next()
    for (const text of numbered(5)) {
      await bench.server(() => link.receive(text))
      await client.next(message('and'))
    }
    link.sent.length = 0
    await bench.server(() => link.say(r))
    await client.next(message('next'))
    expect(link.sent).toEqual([message('next')])
    await bench.pass(5)
    // The last two replies may not have arrived.
    expect(link.sent.filter(text => text.includes('<a '))).toEqual([a(4)])
  })

  test.each(['the next stanza of the page', 'the next stanza of the server'])(
    'with %s if 100 stanzas wait for it',
    async which => {
      const { bench, client, link } = await managed()
      await client.next()
      await bench.server(() => link.say(r))
      await bench.server(() => link.receive(...numbered(99)))
      await client.next()
      await client.next(message('99'))
      expect(link.sent).toEqual([message('99')])
      await bench.server(() => link.receive(message('100')))
      await client.next()
      if (which.endsWith('page')) await client.next(message('next'))
      else await bench.server(() => link.receive(message('101')))
      expect(link.sent.join('')).toContain(a(100))
      await bench.pass(5)
      expect(link.sent.filter(text => text.includes('<a '))).toHaveLength(1)
    },
  )

  test('again, two seconds after the next data, when the page has acknowledged more', async () => {
    const { bench, client, link } = await managed()
    await bench.server(() => link.receive(message('waits')))
    await isAsked(bench, link)
    await client.next(message('1'))
    await client.next()
    await bench.pass(60)
    await client.next()
    await client.next(message('2'))
    await client.next(message('3'))
    await bench.pass(2.25)
    expect(link.sent.filter(text => text !== r)).toEqual([a(0), message('1'), message('2'), message('3'), a(1)])
  })

  test('without stanzas that an empty request may have crossed, if several requests are held', async () => {
    const { bench, client, link } = await managed({ attributes: "hold='2'", terms: { maxRequests: 3 } })
    await client.next()
    await client.next()
    await bench.server(() => link.receive(message('1')))
    await bench.server(() => link.receive(message('2')))
    await client.next()
    await isAsked(bench, link)
    expect(link.sent).toEqual([a(0)])
  })

  test('without stanzas that wait for the page, and without those that were dropped behind them', async () => {
    const { bench, client, link } = await managed()
    await bench.server(() => link.receive(message('waits')))
    await bench.server(() => link.events.onDropped!())
    await bench.server(() => link.events.onDropped!(undefined, false))
    await isAsked(bench, link)
    await client.next()
    await client.next()
    await isAsked(bench, link)
    expect(link.sent).toEqual([a(0), a(2)])
  })

  // Anybody can send stanzas that are dropped, such as one with 65 attributes.
  test('without a stanza that no page has taken, and a dropped one behind it, when the session ends', async () => {
    const { bench, link } = await managed()
    await bench.server(() => link.receive(message('waits')))
    await bench.server(() => link.events.onDropped!())
    await bench.pass(400)
    expect([bench.registry.size, link.sent.at(-1)]).toEqual([0, a(0)])
  })

  test('with a count that never decreases, even if the next page gets stanzas again', async () => {
    const { bench, client, link } = await managed()
    await client.next()
    await bench.server(() => link.receive(message('1')))
    await client.next()
    await isAsked(bench, link)
    await bench.resume(client)
    await isAsked(bench, link)
    expect(link.sent).toEqual([a(1), a(1)])
  })
})

describe('the service sends <r/> to the server', () => {
  test('a second after a stanza, and not again before the answer', async () => {
    const { bench, client, link } = await managed()
    await client.next(message('1'))
    await bench.pass(0.75)
    expect(link.sent).toEqual([message('1')])
    await bench.pass(0.5)
    expect(link.sent).toEqual([message('1'), r])
    await client.next(message('2'))
    await bench.pass(5)
    expect(link.sent).toEqual([message('1'), r, message('2')])
    await bench.server(() => link.say(a(1)))
    await bench.pass(1.25)
    expect(link.sent).toEqual([message('1'), r, message('2'), r])
    await bench.server(() => link.say(a(2)))
    await bench.pass(60)
    expect(link.sent).toHaveLength(4)
    expect(bench.registry.byId(client.id)!.uplink.unsentBytes).toBe(0)
  })

  test('with the hundredth stanza, and again after the answer if a hundred more were sent', async () => {
    const { bench, client, link } = await managed()
    await client.next(numbered(99).join(''))
    expect(link.sent.join('')).not.toContain(r)
    await client.next(message('100'))
    expect(link.sent.at(-1)).toBe(message('100') + r)
    await client.next(numbered(100, 101).join(''))
    expect(link.sent.at(-1)).not.toContain(r)
    await bench.server(() => link.say(a(100)))
    expect(link.sent.at(-1)).toBe(r)
    await bench.server(() => link.say(a(200)))
    await bench.pass(60)
    expect(link.sent.join('').split(r)).toHaveLength(3)
  })

  test('not before the server counts', async () => {
    const bench = new BoshBench()
    const client = await bench.warmed({ management: { mending: new FakeMending() } })
    await client.next(numbered(150).join(''))
    await bench.pass(2)
    expect(client.link.sent.join('')).not.toContain(r)
  })

  test('with a large stanza, so that a page with large stanzas is not slowed down', async () => {
    const { bench, client, link } = await managed()
    const large = message('x'.repeat(100_000))
    await client.next(large)
    expect(link.sent).toEqual([large + r])
    await client.next(large)
    await bench.server(() => link.say(a(1)))
    expect(link.sent).toEqual([large + r, large, r])
  })

  test.each(['2', '4294967296', '4294967295', '-1', '1e1', '', '99999999999'])(
    'and ends the link if the answer has the count %j',
    async count => {
      const { bench, client, link, mending, expectNothingLeft } = await managed()
      const held = await client.next(message('1'))
      await bench.server(() => link.say(`<a ${sm} h='${count}'/>`))
      expect(held.reply?.body).toContain('<remote-server-timeout ')
      expect((await client.next()).reply?.body).toBe(terminated('remote-stream-error'))
      expect(link.how).toBe('close')
      expect(mending.attempts).toEqual([])
      await expectNothingLeft()
    },
  )
})

describe('a server that does not answer <r/>', () => {
  test('loses its link, even if other stanzas arrive and the page sends nothing more', async () => {
    const { bench, client, link, mending } = await managed({ serverMilliseconds: 8_000 })
    await client.next(message('1'))
    await bench.pass(0.5)
    await bench.server(() => link.receive(message('from another')))
    await bench.pass(8)
    await client.next()
    expect(mending.attempts).toEqual([])
    await bench.pass(4)
    expect(mending.attempts).toHaveLength(1)
    expect([link.how, link.sent]).toEqual(['cut', [message('1'), r]])
  })

  test.each([
    ['x', 20_000],
    ['€', 6_600],
  ])('has half a second more for each kilobyte of UTF-8: %s', async (text, count) => {
    const { bench, client, link, mending } = await managed({ serverMilliseconds: 8_000 })
    await client.next(message(text.repeat(count)))
    await bench.pass(0.5)
    await bench.server(() => link.receive(message('from another')))
    await bench.pass(16)
    expect(mending.attempts).toEqual([])
    await bench.pass(8)
    expect(mending.attempts).toHaveLength(1)
  })

  test('loses its link again, right after the resumption', async () => {
    const { bench, client, mending, breaksAndResumes } = await managed({ serverMilliseconds: 8_000 })
    await client.next(message('1'))
    const second = await breaksAndResumes(0)
    expect(second.sent.at(-1)).toBe(message('1') + r)
    await bench.pass(12)
    expect(second.how).toBe('cut')
    expect(mending.attempts).toHaveLength(2)
  })

  test('is dialled after longer pauses, up to 15 s, if it breaks right after each login', async () => {
    const { bench, mending, breaksAndResumes, breaks, resumes } = await managed()
    await breaksAndResumes(0)
    let attempts = 1
    const breaksAgain = async (pause: number) => {
      await breaks()
      await bench.pass(pause - 0.25)
      expect(mending.attempts).toHaveLength(attempts)
      await bench.pass(0.25)
      expect(mending.attempts).toHaveLength(++attempts)
      await resumes(0)
    }
    for (const pause of [1, 2, 4, 8, 15, 15]) await breaksAgain(pause)
    await bench.pass(31)
    await breaksAndResumes(0)
    attempts += 1
    await breaksAgain(1)
  })

  test('gets <r/> after an element that is no stanza, although all stanzas are acknowledged', async () => {
    const { bench, client, link, mending } = await managed({ serverMilliseconds: 8_000 })
    await client.next("<note xmlns='urn:note'/>")
    await bench.pass(2.25)
    expect(link.sent).toEqual(["<note xmlns='urn:note'/>", r])
    await bench.server(() => link.say(a(0)))
    await bench.pass(60)
    expect(mending.attempts).toEqual([])
  })

  test('ends the session if its link cannot be mended, and the page gets errors for unacknowledged stanzas', async () => {
    const { bench, client } = await managed({ serverMilliseconds: 8_000, isMended: false, answer: `<enabled ${sm}/>` })
    const held = await client.next(message('1'))
    await bench.pass(12)
    expect(held.reply?.body).toContain(timedOut)
    expect((await client.next()).reply?.body).toBe(terminated('remote-stream-error'))
    expect(bench.waiting.bytes).toBe(0)
  })
})

describe('a link that breaks', () => {
  test('is dialled again at once, and its stream resumed: the page is not affected', async () => {
    const { bench, client, link, mending, breaks, loginSucceeds } = await managed()
    const held = await client.next()
    await bench.server(() => link.receive(message('1')))
    const next = await client.next(message('out'))
    await breaks()
    expect(mending.attempts).toHaveLength(1)
    const second = await loginSucceeds()
    expect(second.restarts).toHaveLength(1)
    // The reply may not have arrived: the server keeps its stanza, and repeats it here.
    expect(second.sent).toEqual([`<resume ${sm} previd='first' h='0'/>`])
    await bench.server(() => second.say(resumed(1)))
    await bench.server(() => second.receive(message('1'), message('2')))
    expect(held.reply?.body).toContain(message('1'))
    expect(next.reply?.body).toContain(message('2'))
    await bench.pass(60)
    expect(second.sent).toHaveLength(1)
    expect([second.closed, mending.wiped, bench.registry.size, bench.waiting.bytes > 0]).toEqual([false, 0, 1, true])
  })

  test('hands on what had arrived, although its turn had not come', async () => {
    const { client, link, breaks } = await managed()
    const held = await client.next()
    link.events.onElement(element(message('1')))
    await breaks()
    expect(held.reply?.body).toContain(message('1'))
  })

  test('is dialled with growing pauses until its time limit', async () => {
    const { bench, client, link, mending, expectNothingLeft } = await managed()
    await bench.server(() => link.end(lost))
    const times: number[] = []
    const begin = bench.clock.now()
    for (let step = 0; step < 240 && !bench.registry.byId(client.id)?.hasEnded; step++) {
      if (mending.attempts.length > times.length) {
        times.push(bench.clock.now() - begin)
        mending.attempts.at(-1)!.fail(new Problem('remote-connection-failed', { step: 'connect' }))
      }
      await bench.pass(0.25)
    }
    const pauses = times.slice(1).map((time, index) => time - times[index]!)
    const usual = pauses.map((_, index) => Math.min(500 * 2 ** index, 15_000))
    const least = usual.map(pause => pause * 0.75)
    const most = usual.map(pause => pause * 1.25 + 500)
    expect(pauses.length).toBeGreaterThan(5)
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(least[index]!)
      expect(pause).toBeLessThanOrEqual(most[index]!)
    }
    expect(bench.clock.now() - begin).toBeGreaterThanOrEqual(60_000)
    expect(bench.clock.now() - begin).toBeLessThanOrEqual(60_500)
    expect(bench.unmended).toEqual([['chat.example', 'late']])
    expect((await client.next()).reply?.body).toBe(terminated('remote-stream-error'))
    await expectNothingLeft()
  })

  test.each([
    ['in time', 19, false],
    ['too late', 21, true],
  ])('may wait in the queue without a time limit, and is then mended %s', async (_when, seconds, isOver) => {
    const { bench, client, mending, breaks, resumes } = await managed()
    mending.isBusy = true
    await breaks()
    await bench.pass(90)
    expect(bench.registry.byId(client.id)?.hasEnded).toBe(false)
    mending.attempts[0]!.begin()
    await bench.pass(seconds)
    expect(bench.registry.byId(client.id)?.hasEnded ?? true).toBe(isOver)
    if (isOver) return
    const link = await resumes(0)
    await client.next(`<message xmlns='jabber:client' id='after'/>`)
    expect(link.sent.join('')).toContain("id='after'")
  })

  // Codes of a server that is not ready, or of something else at its address.
  test.each<ProblemCode>([
    ...(['timeout', 'host-unknown', 'service-full', 'temporary-auth-failure', 'remote-stream-error'] as const),
    ...(['remote-protocol-error', 'no-mechanism', 'login-failed', 'certificate-invalid'] as const),
  ])('is dialled again after a login that failed with %s', async code => {
    const { bench, mending, firstLogin } = await managed()
    await firstLogin(one => one.fail(new Problem(code)))
    await bench.pass(1.25)
    expect(mending.attempts).toHaveLength(2)
  })

  test('is dialled again if the new link breaks too, or its server is silent', async () => {
    const { bench, mending, breaks, loginSucceeds, resumes } = await managed()
    await breaks()
    const second = mending.attempts[0]!.succeed()
    await bench.pass(0)
    await bench.server(() => second.end(lost))
    await bench.pass(1.25)
    expect(mending.attempts).toHaveLength(2)
    const third = await loginSucceeds()
    await bench.pass(10.25)
    expect(third.how).toBe('cut')
    await bench.pass(2)
    await resumes(0)
    expect(bench.registry.size).toBe(1)
  })

  test.each([
    'system-shutdown',
    'resource-constraint',
    'internal-server-error',
    'connection-timeout',
    'see-other-host',
  ])('is dialled again if the new stream ends with %s before it is resumed', async condition => {
    const { bench, mending, breaksAndReturns, resumes } = await managed()
    const second = await breaksAndReturns()
    const streamError = `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
    await bench.server(() =>
      second.end({ failure: { step: 'stream', code: 'remote-stream-error', condition }, streamError }),
    )
    await bench.pass(1.25)
    expect(mending.attempts).toHaveLength(2)
    await resumes(0)
    expect(bench.registry.size).toBe(1)
  })

  test('gets stanzas sent meanwhile after the resumption, in order, and none twice', async () => {
    const { bench, client, link, breaks, loginSucceeds } = await managed()
    await client.next(numbered(3).join(''))
    await bench.server(() => link.say(a(1)))
    await breaks()
    await client.next(message('4'))
    const second = await loginSucceeds()
    await client.next(message('5'))
    expect(second.sent).toHaveLength(1)
    await bench.server(() => second.say(resumed(2)))
    await client.next(message('6'))
    expect(second.sent.slice(1)).toEqual([numbered(3, 3).join('') + r, message('6')])
    await bench.server(() => second.say(a(6)))
    await bench.pass(30)
    expect(second.sent).toHaveLength(3)
    expect(bench.registry.byId(client.id)!.uplink.unsentBytes).toBe(0)
    expect(link.sent.join('')).not.toContain(message('4'))
  })

  test('is resumed within its login if SASL2 can do so, and the page gets the stanzas that follow', async () => {
    const { bench, client, mending, breaks } = await managed()
    await client.next(numbered(2).join(''))
    await bench.server(link => link.receive(message('a')))
    const held = await client.next()
    await breaks()
    const [attempt] = mending.attempts
    expect(attempt!.resumption).toEqual({ previd: 'first', h: '1' })
    const behind = [element(message('b')), features, element(r)]
    const second = attempt!.succeed(element(resumed(1, 'second')), ...behind)
    await bench.pass(0)
    expect(second.sent).toEqual([message('2') + r])
    expect(held.reply?.body).toContain(message('b'))
    await client.next()
    await bench.pass(2.25)
    expect(second.sent.slice(1)).toEqual([a(2)])
    await bench.server(() => second.end(lost))
    await bench.pass(1)
    expect(mending.attempts[1]!.resumption).toEqual({ previd: 'second', h: '2' })
  })

  test.each([
    ['stays resumable if its session moves to another process during the login', 'cut', 'cut'],
    ['is closed if its session ends during the login', 'ended', 'close'],
  ] as const)('%s', async (_what, reason, how) => {
    const { bench, mending, breaks } = await managed()
    await breaks()
    const [attempt] = mending.attempts
    if (reason === 'cut') expect([...setDown(bench.registry)]).toHaveLength(1)
    else bench.manager.shutDown()
    expect(attempt!.caller.reason).toBe(reason)
    const second = attempt!.succeed(element(resumed(0)))
    await bench.pass(0)
    expect(second.how).toBe(how)
  })

  test('is asked again after it is mended, although it broke before an answer', async () => {
    const { bench, client, breaksAndResumes } = await managed()
    await client.next(message('1'))
    await bench.pass(1.25)
    const second = await breaksAndResumes(1)
    await client.next(message('2'))
    await bench.pass(1.25)
    expect(second.sent.slice(1)).toEqual([message('2'), r])
  })

  test('stays paused after it is mended', async () => {
    const { bench, link, breaksAndResumes } = await managed({ maxQueueElements: 2 })
    await bench.server(() => link.receive(...numbered(3)))
    const second = await breaksAndResumes(0)
    expect(second.paused).toBe(true)
  })
})

describe('before the end, the page gets unacknowledged stanzas back as errors, once,', () => {
  const stanzas =
    "<message xmlns='jabber:client' to='a@b' id='m&apos;1' type='chat'><body>lost?</body></message>" +
    "<iq xmlns='jabber:client' to='c@d' id='i1' type='get'><q xmlns='q'/></iq>" +
    "<iq xmlns='jabber:client' id='i2' type='set'><q xmlns='q'/></iq>" +
    "<iq xmlns='jabber:client' to='c@d' id='i3' type='result'/>" +
    "<message xmlns='jabber:client' to='a@b' id='m2' type='error'/>" +
    "<presence xmlns='jabber:client'/>"
  const errors =
    `<message xmlns='jabber:client' type='error' to='juliet@chat.example/balcony' from='a@b' id='m&apos;1'>${timedOut}</message>` +
    `<iq xmlns='jabber:client' type='error' to='juliet@chat.example/balcony' from='c@d' id='i1'>${timedOut}</iq>` +
    `<iq xmlns='jabber:client' type='error' to='juliet@chat.example/balcony' id='i2'>${timedOut}</iq>`

  const cases: [string, (all: Managed) => unknown][] = [
    ['the server has forgotten the stream', all => all.breaksAndReturns().then(link => link.say(failed))],
    ['the login says that it has', all => all.firstLogin(one => one.succeed(element(failed)))],
    ['the login is refused', all => all.firstLogin(one => one.fail(new Problem('not-authorized', { step: 'sasl' })))],
    ['the login fails unexpectedly', all => all.firstLogin(one => one.fail(new TypeError('not foreseen')))],
    [
      'the time is over',
      async all => {
        await all.breaks()
        await all.bench.pass(30.25)
        expect(all.mending.attempts[0]!.caller.aborted).toBe(true)
      },
    ],
    ['the resumed stream has an impossible count', all => all.breaksAndResumes(7)],
    ['the server ends the stream', all => all.ends({ ...lost, streamError: '<stream:error/>' })],
    ['what is not XMPP comes', all => all.ends({ failure: { step: 'features', code: 'remote-protocol-error' } })],
  ]
  test.each(cases)('if %s', async (_what, act) => {
    const all = await managed({ mending: new FakeMending(30_000) })
    const { bench, client } = all
    const held = await client.next(stanzas)
    await act(all)
    await bench.pass(0)
    expect(held.reply?.body).toContain(`>${errors}<`)
    expect(bench.waiting.bytes).toBeLessThan(4 * errors.length + 1024)
    const last = await client.next()
    expect(last.reply?.body).toContain("condition='remote-stream-error'")
    expect(last.reply?.body).not.toContain('remote-server-timeout')
    expect(all.mending.attempts.length).toBeLessThan(2)
    await all.expectNothingLeft()
  })

  test('including stanzas that the page sends before it has the end', async () => {
    const { bench, client, link, expectNothingLeft } = await managed()
    await client.next(message('first'))
    await bench.server(link => link.receive(message('answer')))
    await bench.server(() => link.end({ ...lost, streamError: '<stream:error/>' }))
    const late = await client.next(message('late'))
    expect(late.reply?.body.match(/<remote-server-timeout /g)).toHaveLength(2)
    expect((await client.next()).reply?.body).toContain("condition='remote-stream-error'")
    await expectNothingLeft()
  })

  test('also if the service stops before the page has fetched them', async () => {
    const { bench, client, ends, expectNothingLeft } = await managed()
    await client.next(stanzas)
    await bench.server(link => link.receive(message('answers the held request')))
    await ends({ ...lost, streamError: '<stream:error/>' })
    bench.manager.shutDown()
    expect((await client.next()).reply?.body.match(/<remote-server-timeout /g)).toHaveLength(3)
    await client.next()
    await expectNothingLeft()
  })

  test('and none that it has not fetched stays in memory', async () => {
    const { bench, link, expectNothingLeft } = await managed()
    await bench.server(link => link.receive("<message xmlns='jabber:client' from='a@b' id='1'/>"))
    await bench.server(() => link.end({ ...lost, streamError: '<stream:error/>' }))
    await bench.pass(200)
    await expectNothingLeft()
  })

  test('without stanzas that the server received, if it still reports their number', async () => {
    const { bench, client, breaksAndReturns } = await managed()
    const held = await client.next(['one', 'two'].map(id => `<message xmlns='jabber:client' id='${id}'/>`).join(''))
    const second = await breaksAndReturns()
    await bench.server(() => second.say(failed.replace(sm, `${sm} h='1'`)))
    expect(second.how).toBe('close')
    expect(held.reply?.body).toContain("id='two'")
    expect(held.reply?.body).not.toContain("id='one'")
  })

  test('if the service stops while the link is mended', async () => {
    const { bench, client, breaks, expectNothingLeft } = await managed()
    const held = await client.next(stanzas)
    await breaks()
    bench.manager.shutDown()
    await bench.pass(0)
    expect(held.reply?.body).toContain(`>${errors}<`)
    expect((await client.next()).reply?.body).toBe(terminated('system-shutdown'))
    await expectNothingLeft()
  })

  test('except if the service stops while the server answers', async () => {
    const { bench, client, link, expectNothingLeft } = await managed()
    const held = await client.next(stanzas)
    bench.manager.shutDown()
    await bench.pass(0)
    expect(held.reply?.body).toBe(terminated('system-shutdown'))
    expect(link.sent).toEqual([stanzas, a(0)])
    await expectNothingLeft()
  })

  test('including stanzas above the limit that the page sent while the link could not be mended', async () => {
    const { client, breaks, expectNothingLeft } = await managed()
    await breaks()
    const { reply } = await client.next(message('x'.repeat(200_000)).repeat(45))
    expect(reply?.body.match(/<remote-server-timeout /g)).toHaveLength(45)
    expect((await client.next()).reply?.body).toBe(terminated('remote-stream-error'))
    await expectNothingLeft()
  })
})

describe('a session that ends while its link is being mended', () => {
  const ends: [string, (all: Managed) => unknown][] = [
    ['its page leaves', ({ client }) => client.next(message('bye'), "type='terminate'")],
    ['its backend ends it', ({ bench, client }) => bench.registry.byId(client.id)!.end('logout', 'loggedOut')],
    ['the service stops at once', ({ bench }) => bench.registry.endAllSilently()],
    ['memory is short', ({ bench, client }) => bench.registry.byId(client.id)!.end('limit', 'toFreeMemory')],
    ['it has a fault', ({ bench, client }) => bench.registry.byId(client.id)!.fail(new Error('not foreseen'))],
  ]
  test.each(ends)('leaves no link open if %s', async (_what, act) => {
    const all = await managed()
    const { bench, client, mending, link } = all
    await bench.server(() => link.receive(message('waits')))
    await client.next(message('1'))
    await all.breaks()
    await client.next(message('2'))
    await act(all)
    expect(mending.attempts[0]!.caller.aborted).toBe(true)
    const late = mending.attempts[0]!.succeed()
    await all.expectNothingLeft()
    expect(late.how).toBe('close')
    expect(late.sent).toEqual([])
    await bench.pass(120)
    expect(mending.attempts).toHaveLength(1)
  })

  test.each(ends)('closes the new link if %s after the login', async (_what, act) => {
    const all = await managed()
    await all.client.next(message('1'))
    const second = await all.breaksAndReturns()
    await act(all)
    expect(second.closed).toBe(true)
    await all.expectNothingLeft()
  })
})

describe('at the end of a session whose page has not fetched all stanzas', () => {
  const stanza = (id: string) => `<message xmlns='jabber:client' from='romeo@b' id='${id}'/>`
  const bounced = (sent: readonly string[]) =>
    sent.flatMap(text => [...text.matchAll(/type='error'[^>]* id='([^']+)'/g)].map(([, id]) => id))
  const counts = (sent: readonly string[]) =>
    sent.flatMap(text => [...text.matchAll(/<a [^>]*h='(\d+)'/g)].map(([, count]) => Number(count)))

  const ended = (reason: EndReason, how: How) => (bench: BoshBench, client: Client) =>
    bench.server(() => bench.registry.byId(client.id)!.end(reason, how))
  test.each<[string, (bench: BoshBench, client: Client) => Promise<unknown>]>([
    ['the page goes', bench => bench.pass(301)],
    ['the page logs out', (_, client) => client.next('', "type='terminate'")],
    ['a portal logs out', ended('logout', 'loggedOut')],
    ['a limit is reached', ended('limit', 'reported')],
    ['memory is needed', ended('limit', 'toFreeMemory')],
    ['it has a fault', async (bench, client) => bench.registry.byId(client.id)!.fail(new TypeError('not foreseen'))],
    ['the session moves', async (bench, client) => bench.registry.byId(client.id)!.setDown()],
    [
      'the service stops',
      async bench => {
        bench.manager.shutDown()
        bench.registry.endAllSilently()
      },
    ],
  ])('stanzas of a reply that the next request may have crossed stay at the server if %s', async (_what, end) => {
    const { bench, client, link } = await managed()
    await client.next()
    await bench.server(() => link.receive(stanza('1')))
    await client.next(message('crossing')).then(({ peer }) => peer.leave())
    await isAsked(bench, link)
    await end(bench, client)
    expect(new Set(counts(link.sent))).toEqual(new Set([0]))
    expect(bounced(link.sent)).toEqual([])
    expect(link.closed).toBe(true)
  })

  test('stanzas from before a break of the link stay at the server', async () => {
    const { bench, link, breaksAndReturns } = await managed()
    await bench.server(() => link.receive(stanza('1'), stanza('2')))
    const second = await breaksAndReturns()
    expect(second.sent).toEqual([`<resume ${sm} previd='first' h='0'/>`])
    await bench.server(() => second.say(resumed(0)))
    await bench.server(() => second.receive(stanza('1'), stanza('2'), stanza('3')))
    await bench.pass(121)
    expect([bounced(second.sent), counts(second.sent)]).toEqual([[], [0]])
  })

  const many = (count: number, first = 1) => Array.from({ length: count }, (_, index) => stanza(`${first + index}`))

  test('the server keeps the newest 300 to 400 stanzas, because Prosody forgets the oldest beyond 500', async () => {
    const { bench, link } = await managed()
    for (let first = 1; first <= 750; first += 50) {
      await bench.server(() => link.say(r))
      await bench.server(() => link.receive(...many(50, first)))
    }
    expect(counts(link.sent)).toEqual([100, 200, 300, 400])
    await bench.pass(121)
    expect([bounced(link.sent).length, counts(link.sent).at(-1)]).toEqual([450, 450])
  })

  test('stanzas from before stream management are returned to their senders', async () => {
    const undelivered = [element(stanza('early'))]
    const bench = new BoshBench()
    const { link } = await bench.warmed({ management: { mending: new FakeMending() }, undelivered })
    await bench.server(() => link.say(enabled))
    await bench.server(() => link.receive(stanza('1')))
    await bench.pass(121)
    expect(bounced(link.sent)).toEqual(['early'])
    expect(counts(link.sent)).toEqual([0])
  })

  test('elements of this service do not count as stanzas', async () => {
    const { bench, client, link } = await managed()
    await bench.server(() => link.receive(stanza('1'), stanza('2')))
    // The second request gets an element of the service itself, which waits.
    await client.next(`<enable ${sm}/>`)
    await bench.server(() => link.receive(stanza('3'), stanza('4')))
    const session = bench.registry.byId(client.id)!
    session.send({ elements: [element(r)], fault: undefined } as never, 0)
    await bench.pass(300)
    expect(bounced(link.sent)).toEqual([])
  })

  test('the link is abandoned if memory is needed', async () => {
    const { bench, client, link } = await managed()
    bench.registry.byId(client.id)!.end('limit', 'toFreeMemory')
    expect(link.how).toBe('abandon')
  })
})

describe('stream management that the page requests', () => {
  test.each([
    `<enable ${sm} resume='true'/>`,
    r,
    a(0),
    `<resume ${sm} previd='first' h='0'/>`,
    "<r xmlns='urn:xmpp:sm:2'/>",
  ])('is refused over BOSH, and never reaches the server: %s', async text => {
    const { bench, client, link, mending } = await managed({ serverMilliseconds: 8_000 })
    const held = await client.next(message('1') + text + message('2'))
    expect(link.sent).toEqual([message('1') + message('2')])
    expect(held.reply?.body).toMatch(/<failed xmlns='urn:xmpp:sm:[23]'><unexpected-request /)
    await bench.server(() => link.receive(message('in')))
    await bench.pass(1.25)
    await bench.server(() => link.say(a(2)))
    link.sent.length = 0
    await client.next(text)
    await bench.pass(60)
    expect(link.sent).toEqual([])
    expect([link.closed, mending.attempts]).toEqual([false, []])
  })
})

describe('stanzas that the server has not acknowledged', () => {
  test('count as used memory', async () => {
    const { bench, client, link } = await managed()
    const text = message('x'.repeat(10_000))
    await client.next(text)
    await client.next(text)
    expect(bench.waiting.bytes).toBeGreaterThan(4 * text.length)
    const { uplink } = bench.registry.byId(client.id)!
    expect(uplink.unsentBytes).toBeGreaterThan(4 * text.length)
    await bench.server(() => link.say(a(1)))
    expect(bench.waiting.bytes).toBeLessThan(4 * text.length)
    await bench.server(() => link.say(a(2)))
    expect(uplink.unsentBytes).toBe(0)
    bench.registry.endAllSilently()
    expect(bench.waiting.bytes).toBe(0)
  })

  test('are too many above 16 MiB of memory, although their text is short', async () => {
    const { bench, client } = await managed()
    const { uplink, keeper } = bench.registry.byId(client.id)!
    const payload = inspect(readElement(`<x>${message('').repeat(1_000)}</x>`).children, keeper.common)
    let sent = 0
    for (; !uplink.isOverfull(); sent += 1_000) uplink.send(payload)
    // Each takes about 500 bytes.
    expect(sent).toBeGreaterThan((16 * 2 ** 20) / 600)
    expect(sent).toBeLessThan((16 * 2 ** 20) / 400)
    expect(bench.waiting.bytes).toBeLessThan(17 * 2 ** 20)
    bench.registry.endAllSilently()
    expect(bench.waiting.bytes).toBe(0)
  })

  test('slow the page down above 256 KiB', async () => {
    const { bench, client, link } = await managed()
    const text = message('x'.repeat(100_000))
    const replies = []
    for (let sent = 0; sent < 3; sent++) replies.push(await client.next(text))
    expect(replies.map(({ reply }) => reply !== undefined)).toEqual([true, false, false])
    await bench.server(() => link.say(a(1)))
    expect(replies.map(({ reply }) => reply !== undefined)).toEqual([true, true, false])
  })
})

test.each([true, false])(
  'a stanza that is dropped behind the last answer of a login is refused (counted: %s)',
  async isCounted => {
    const start = `<message xmlns='jabber:client' from='a@b.example/c' to='juliet@chat.example/1' id='large'/>`
    const dropped = { ...element(start), isDropped: true }
    const bench = new BoshBench()
    const management = { mending: undefined, enabled: element(enabled) }
    const login = bench.login()
    await bench.server(link => link.open())
    const [jid, handover] = ['juliet@chat.example/1', { seconds: 120, attachBinding: 'off' }] as const
    await login.opening.handOver(jid, [droppedStanza, dropped], handover, isCounted ? management : undefined)
    await bench.pass(0)
    expect(bench.link.sent.join('')).toMatch(/type='error' to='a@b.example\/c' id='large'.*<policy-violation /)
  },
)

test('a stanza that is dropped behind the answer to an inline resumption is refused', async () => {
  const all = await managed()
  await all.breaks()
  const start = `<message xmlns='jabber:client' from='a@b.example/c' to='juliet@chat.example/1' id='large'/>`
  const resumed = element(`<resumed ${sm} previd='first' h='0'/>`)
  const link = all.mending.attempts.at(-1)!.succeed(resumed, droppedStanza, { ...element(start), isDropped: true })
  await all.bench.pass(0)
  expect(link.sent.join('')).toMatch(/type='error' to='a@b.example\/c' id='large'.*<policy-violation /)
})

test('a session whose server refuses to count stanzas does not keep those that came before', async () => {
  const bench = new BoshBench()
  const client = await bench.warmed({ management: { mending: new FakeMending() } })
  await bench.server(() => client.link.receive(message('1')))
  const { counts } = bench.registry.bySid(client.sid)!.uplink.managed!
  await client.next(message('2'))
  expect([counts.early.length, counts.unconfirmed.stanzas.length]).toEqual([1, 1])
  await bench.server(() => client.link.say(failed))
  expect([counts.early, counts.unconfirmed.stanzas]).toEqual([[], []])
})

test('a stanza that was dropped long ago does not make the server keep one that the page has', async () => {
  const { bench, client: page } = await managed({ terms: { inactivity: 60 } })
  await bench.server(() => page.link.receive(message('1')))
  await bench.server(() => page.link.events.onDropped!())
  // The page gets it, and says so.
  await page.next()
  await page.next()
  await bench.server(() => page.link.receive(message('2')))
  await page.next()
  await bench.pass(61)
  const session = bench.registry.bySid(page.sid)!
  expect(session.undelivered).toBe(0)
  await bench.server(() => page.link.receive(message('3')))
  expect(session.undelivered).toBe(1)
  await bench.pass(200)
  expect(bench.registry.size).toBe(0)
  expect(page.link.sent.at(-1)).toBe(a(3))
})
