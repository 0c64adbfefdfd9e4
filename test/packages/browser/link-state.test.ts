// The service tells a page that it mends its link to the XMPP server, and when the link is up again.
import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { eachPage, pageBinding, passes } from '../../support/fake-page.js'
import { Status } from '../../support/fake-strophe.js'

const page = eachPage()
const { statuses, modules } = page
let asked: number
let hasNotices: boolean

beforeEach(() => {
  asked = 0
  hasNotices = true
})

const binding = async () => ({
  ...pageBinding,
  sid: `s${++asked}`,
  resumed: asked > 1,
  ...(hasNotices && { link_state: true }),
})

const told = () => statuses.map(({ state, code }) => (code === undefined ? state : `${state} ${code}`))
const watches = () => page.last.sentNames.filter(name => name === 'watch').length

const transports = [
  ['bosh', true],
  ['websocket', false],
] as const

describe.each(Object.entries(modules))('With %s', (name, start) => {
  const before = name === 'the module' ? ['online'] : ['connecting', 'online']

  async function goesOnline(transport: 'bosh' | 'websocket') {
    start({ binding, transport })
    await passes(0)
    page.last.becomes(transport === 'bosh' ? Status.attached : Status.connected)
    page.last.receives(transport === 'bosh' ? 'body' : 'enabled')
    page.hears('connected')
    await passes(0)
  }

  test.each(transports)('a page over %s is offline while the link is mended', async (transport, isInBody) => {
    await goesOnline(transport)
    expect(watches()).toBe(1)
    page.last.isTold('up', isInBody)
    await passes(1_000)
    expect(told()).toEqual(before)
    page.last.isTold('mending', isInBody)
    await passes(499)
    expect(told()).toEqual(before)
    await passes(1)
    expect(told()).toEqual([...before, 'offline mending'])
    expect(statuses.at(-1)).toMatchObject({ reason: expect.stringMatching(/later\.$/) })
    // Other answers of the service do not make the page online.
    if (isInBody) page.last.receives('body')
    page.last.isTold('mending', isInBody)
    await passes(10_000)
    page.last.isTold('up', isInBody)
    expect(told()).toEqual([...before, 'offline mending', 'online'])
    await passes(10_000)
    expect(statuses).toHaveLength(before.length + 2)
  })

  test.each(transports)('a page over %s shows no short break', async (transport, isInBody) => {
    await goesOnline(transport)
    page.last.isTold('mending', isInBody)
    await passes(400)
    page.last.isTold('up', isInBody)
    await passes(10_000)
    expect(told()).toEqual(before)
  })

  test.each(transports)('a page over %s does not ask a service that has no notices', async (transport, _isInBody) => {
    hasNotices = false
    await goesOnline(transport)
    expect(watches()).toBe(0)
  })

  test.each(transports)('a notice to an earlier connection changes nothing, over %s', async (transport, isInBody) => {
    await goesOnline(transport)
    const first = page.last
    first.isTold('mending', isInBody)
    first.becomes(Status.disconnected)
    await passes(0)
    const lost = statuses.length
    first.isTold('up', isInBody)
    await passes(400)
    expect(told().slice(lost)).not.toContain('online')
    await passes(600)
    expect(told().slice(lost)).not.toContain('offline mending')
  })
})

describe('A page whose pings are not answered', () => {
  /** All that the page asks for when it comes is answered. Then it pings. */
  async function settles() {
    modules['the module']({ binding, transport: 'websocket' })
    await passes(0)
    page.last.becomes(Status.connected)
    for (let time = 0; time < 3; time++) {
      page.last.answers()
      await passes(0)
    }
    page.last.isTold('up', false)
    await passes(50_000)
  }

  test.each(['mending', 'up'] as const)(
    'is offline, and keeps its session, while only the service answers: %s',
    async link => {
      await settles()
      page.last.isTold(link, false)
      const before = watches()
      for (let time = 1; time <= 5; time++) {
        page.last.answers(undefined, null)
        expect(watches()).toBe(before + time)
        page.last.isTold(link, false)
        await passes(6_000)
        expect(told()).toEqual(['online', 'offline mending'])
      }
      page.last.isTold('up', false)
      await passes(1_000)
      page.last.answers()
      expect([told(), asked]).toEqual([['online', 'offline mending', 'online'], 1])
    },
  )

  test.each(transports)('keeps its session if it comes meanwhile, over %s', async (transport, isInBody) => {
    const onContacts = jest.fn()
    modules['the module']({ binding, transport, onContacts })
    await passes(0)
    page.last.becomes(isInBody ? Status.attached : Status.connected)
    for (let time = 1; time <= 5; time++) {
      page.last.isTold('up', isInBody)
      page.last.answers(undefined, null)
      await passes(6_000)
    }
    expect([told(), asked]).toEqual([['online', 'offline mending'], 1])
    expect(onContacts).not.toHaveBeenCalled()
    page.last.answers()
    await passes(0)
    expect([told(), asked]).toEqual([['online', 'offline mending', 'online'], 1])
    expect(onContacts).toHaveBeenCalledTimes(1)
  })

  test('stays online if the link was mended meanwhile, and the answers follow', async () => {
    await settles()
    page.last.isTold('mending', false)
    await passes(500)
    page.last.isTold('up', false)
    page.last.answers(undefined, null)
    page.last.answers()
    expect([told(), asked]).toEqual([['online', 'offline mending', 'online'], 1])
  })

  test.each([
    ['the service does not answer either', true],
    ['no notice came', false],
  ])('asks for a new binding if %s', async (_why, hasNotice) => {
    await settles()
    if (hasNotice) page.last.isTold('mending', false)
    await passes(500)
    page.last.answers(undefined, null)
    if (hasNotice) page.last.answers(undefined, null)
    await passes(1_000)
    expect(asked).toBe(2)
  })
})
