import { beforeEach, expect, jest, test } from '@jest/globals'
import { browserModule } from '../../support/browser-modules.js'
import { type FakeElement, fakeElement, fakeXml } from '../../support/fake-strophe.js'
import { useFakeTimers } from '../../support/fake-timers.js'

const { createArchive } = browserModule('archive')
const { Arrivals } = browserModule('arrivals')
const { readMessage } = browserModule('message')

const jid = 'alice@localhost/1'
const now = Date.parse('2024-05-06T07:08:09Z')
const stamp = '2024-01-02T03:04:05Z'

const stanzaId = (id: string, by = 'alice@localhost') => fakeElement('stanza-id', { xmlns: 'urn:xmpp:sid:0', by, id })
const delay = (from: string, stamp: string) => fakeElement('delay', { xmlns: 'urn:xmpp:delay', from, stamp })
const message = (body: string, from = 'bob@localhost/x', children: readonly FakeElement[] = [], type = 'chat') =>
  fakeElement('message', { from, to: jid, id: `id of ${body}`, type }, fakeElement('body', {}, body), ...children)

/** Texts in the archive, with ids from `id 0`. */
let stored: string[]
/** `before` and `after` of the queries. */
let asked: string[]
let isSilent: boolean
let isBusy: boolean
let shown: string[]
let arrivals: InstanceType<typeof Arrivals>

const idOf = (index: number) => `id ${index}`

/** Pages have at most 50 messages, like those of Prosody. */
function answer(query: FakeElement, end: (result: FakeElement) => void, refuse: (error: FakeElement | null) => void) {
  const textIn = (name: string) => query.getElementsByTagName(name)[0]?.textContent
  const [after, before] = [textIn('after'), textIn('before')]
  asked.push(after === undefined ? `before ${before}` : `after ${after}`)
  if (isSilent) return refuse(null)
  if (isBusy) return refuse(fakeElement('iq', { type: 'error' }, fakeElement('error', { type: 'wait' })))
  const place = after ?? before
  const index = place ? stored.findIndex((_, index) => idOf(index) === place) : stored.length
  if (index < 0) return refuse(fakeElement('iq', { type: 'error' }))
  const all = stored.map((text, index) => [idOf(index), text] as const)
  const rest = after === undefined ? all.slice(0, index) : all.slice(index + 1)
  const most = Math.min(Number(textIn('max')), 50)
  for (const [resultId, text] of after === undefined ? rest.slice(-most) : rest.slice(0, most)) {
    const inside = [delay('localhost', stamp), message(text)]
    const forwarded = fakeElement('forwarded', { xmlns: 'urn:xmpp:forward:0' }, ...inside)
    const about = { xmlns: 'urn:xmpp:mam:2', queryid: query.id, id: resultId }
    archive.take(fakeElement('message', { from: 'alice@localhost' }, fakeElement('result', about, forwarded)))
  }
  const isComplete = String(rest.length <= most)
  end(fakeElement('iq', {}, fakeElement('fin', { xmlns: 'urn:xmpp:mam:2', complete: isComplete })))
}

Object.assign(globalThis, fakeXml)

const archive = createArchive({ sendIQ: answer, flush() {} } as never, jid)

useFakeTimers({ now })

beforeEach(() => {
  stored = []
  asked = []
  isSilent = false
  isBusy = false
  shown = []
  arrivals = new Arrivals(0, undefined, ({ body }) => shown.push(body!))
})

/** The server stores and delivers a message. `children` are from the sender. */
function arrives(text: string, ...children: FakeElement[]): void {
  const id = idOf(stored.push(text) - 1)
  arrivals.take(readMessage(message(text, undefined, [...children, stanzaId(id)]), jid), jid)
}

const texts = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `text ${from + index}`)

async function catchUp(): Promise<void> {
  const { last } = arrivals
  arrivals.hold()
  arrivals.release((await archive.since(last, id => arrivals.isKnown(id), 20)) ?? [], jid)
}

test('fetches few missed messages with one query', async () => {
  arrives('first')
  stored.push(...texts(50))
  await catchUp()
  expect(shown).toEqual(['first', ...texts(50)])
  expect(asked).toEqual(['after id 0'])
})

test('shows many missed messages in order, and no older messages', async () => {
  stored.push('before this page')
  arrives('first')
  stored.push(...texts(120))
  await catchUp()
  expect(shown).toEqual(['first', ...texts(120)])
})

test.each([10, 120])('%d missed messages are shown if the archive does not have the last id', async count => {
  stored.push('before this page')
  arrives('first')
  // This message is not in the archive, and the server keeps the forged id.
  arrivals.take(readMessage(message('forging', undefined, [stanzaId('forged')]), jid), jid)
  stored.push(...texts(count))
  await catchUp()
  expect(shown).toEqual(['first', 'forging', ...texts(count)])
  expect(asked[0]).toBe('after forged')
})

test('a message is not taken for an earlier message if its sender repeats id and text', async () => {
  arrives('first', stanzaId('forged'))
  expect(arrivals.last).toBe('id 0')
  arrivals.take(readMessage(message('forging', undefined, [stanzaId('forged')]), jid), jid)
  stored.push(...texts(60), 'forging', ...texts(60, 60))
  await catchUp()
  expect(shown).toEqual(['first', 'forging', ...texts(120)])
})

test('an archived error is not shown, but counts as known', async () => {
  const error = readMessage(message('gone', undefined, [], 'error'), jid, '2024-01-02T03:04:05Z')
  arrivals.release([{ id: 'of the error', message: error }], jid)
  expect([shown, arrivals.last]).toEqual([[], 'of the error'])
})

test('without a known message, the search in the archive ends after twenty pages', async () => {
  stored.push(...texts(1500))
  arrivals = new Arrivals(0, 'dropped', ({ body }) => shown.push(body!))
  await catchUp()
  expect(shown).toEqual(texts(1000, 500))
  expect(asked.length).toBe(21)
})

test('an archive that does not answer is asked once', async () => {
  arrives('first')
  isSilent = true
  await catchUp()
  expect([shown, asked]).toEqual([['first'], ['after id 0']])
})

test.each([undefined, 'id 0'])(
  'an archive that asks to wait is asked later, and not taken for empty (last: %s)',
  async last => {
    isBusy = true
    const answers: unknown[] = []
    void archive.since(last, () => false).then(found => answers.push(found))
    await jest.advanceTimersByTimeAsync(14_999)
    expect([answers, asked.length]).toEqual([[], 1])
    await jest.advanceTimersByTimeAsync(1)
    expect([answers, asked.length]).toEqual([[undefined], 1])
  },
)

test('a new page shows the last messages', async () => {
  stored.push(...texts(30))
  await catchUp()
  expect(shown).toEqual(texts(20, 10))
  expect(asked).toEqual(['before '])
})

const room = 'tea@rooms.localhost'

test.each([
  ["the user's server", 'localhost', 'chat', 'bob@localhost/x'],
  ["the user's account", 'alice@localhost', 'chat', 'bob@localhost/x'],
  ['the room', room, 'groupchat', `${room}/Bob`],
])('the delay time that %s sets is shown, unless it is in the future', (_name, by, type, from) => {
  const timeOf = (stamp: string) => +readMessage(message('a', from, [delay(by, stamp)], type), jid).time
  expect(timeOf('2024-05-06T06:00:00Z')).toBe(Date.parse('2024-05-06T06:00:00Z'))
  expect(timeOf('2024-05-06T07:09:00Z')).toBe(Date.parse('2024-05-06T07:09:00Z'))
  for (const stamp of ['2024-05-06T07:09:10Z', '2999-01-01T00:00:00Z', 'soon', '']) expect(timeOf(stamp)).toBe(now)
})

test('the time of the archive is shown, also if the clock of the browser is slow, and no time of anybody else', () => {
  const ofBob = message('a', undefined, [delay('bob@localhost', '2024-01-01T00:00:00Z')])
  expect(+readMessage(ofBob, jid, '2024-05-06T09:00:00Z').time).toBe(Date.parse('2024-05-06T09:00:00Z'))
  expect(+readMessage(ofBob, jid).time).toBe(now)
})
