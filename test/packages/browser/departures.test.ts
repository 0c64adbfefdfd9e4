import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Outgoing } from '../../../dist/types/browser/departures.js'
import type { Message } from '../../../dist/types/browser/message.js'
import { browserModule } from '../../support/browser-modules.js'
import { type FakeElement, fakeElement, fakeError, fakeXml } from '../../support/fake-strophe.js'

const { ChatDepartures } = browserModule('chat-departures')
type Departures = InstanceType<typeof ChatDepartures>

const message = (id: string) => fakeElement('message', { id, to: 'bob@localhost' })
const request = (rid: number, ...stanzas: FakeElement[]) => fakeElement('body', { rid: String(rid) }, ...stanzas)
const idsOf = (stanzas: readonly FakeElement[]) => stanzas.map(({ attributes }) => attributes['id'])

let states: string[]

const create = (outgoing: readonly Outgoing[] = [], sent: readonly Outgoing[] = []) =>
  new ChatDepartures(outgoing, sent, ({ id, to, state, code }) => states.push([id, to, state, code].join(' ').trim()))

function reloaded(departures: Departures): Departures {
  const { outgoing, sent } = JSON.parse(JSON.stringify({ outgoing: departures.outgoing, sent: departures.sent }))
  return create(outgoing, sent)
}

const nothingLost = () => false

Object.assign(globalThis, fakeXml)

beforeEach(() => {
  states = []
})

/** Sends three messages over BOSH. The requests of the last two may not have arrived. */
function sentThree(): Departures {
  const departures = create()
  departures.goOn(1, 2, undefined, nothingLost)
  for (const [index, id] of ['one', 'two', 'three'].entries()) {
    departures.add(message(id))
    departures.note(request(index + 1, message(id)))
  }
  return departures
}

test('returned messages are sent again, in order and before newer messages, unless Strophe itself repeats them', () => {
  const departures = sentThree()
  departures.add(message('four'))
  for (const id of ['one', 'two', 'three']) expect(departures.takeBack(fakeError(id))).toBe('again')
  expect(idsOf(departures.unsent(['two']))).toEqual(['one', 'three', 'four'])
  departures.arrived()
  expect(departures.unsent()).toEqual([])
})

test.each([1, 2])('a message sent again after failure %d is not confirmed by an earlier ping', failures => {
  const departures = sentThree()
  let answered = () => {}
  for (let failure = 1; failure <= failures; failure++) {
    answered = departures.confirming()
    for (const end of ['again', 'failed']) {
      expect(departures.takeBack(fakeError('one'))).toBe(end)
      if (end === 'failed')
        expect(['two', 'none', 'one'].map(id => departures.resend(id))).toEqual([false, false, true])
      departures.note(request(4, ...departures.unsent()))
    }
  }
  answered()
  const failed = 'one bob@localhost failed remote-server-timeout'
  expect(states.filter(state => state.startsWith('one'))).toEqual(Array(failures).fill(failed))
})

test('a message that returns twice fails, also in the next page of its tab', () => {
  const departures = sentThree()
  expect(departures.takeBack(fakeError('one'))).toBe('again')
  departures.note(request(4, ...departures.unsent()))
  expect(departures.takeBack(fakeError('one'))).toBe('failed')
  const next = reloaded(departures)
  next.goOn(10, 2, 4, nothingLost)
  expect(next.takeBack(fakeError('one'))).toBe('failed')
  expect(next.takeBack(fakeError('two'))).toBe('again')
  expect(idsOf(next.unsent())).toEqual(['two'])
  expect(states).toEqual(['one bob@localhost failed remote-server-timeout'])
})

test('the next page reports a message as failed if its arrival is uncertain', () => {
  const departures = create()
  for (const id of ['one', 'two']) departures.add(message(id), true, true)
  const [one, two] = departures.sent
  const next = create([], [{ ...one!, isInDoubt: true }, two!])
  next.goOn(10, 2, undefined, nothingLost)
  next.confirming()()
  next.failInDoubt()
  expect(states).toEqual(['two bob@localhost sent', 'one bob@localhost failed not-confirmed'])
})

test('the next page shows messages that failed or may not have arrived', () => {
  const departures = sentThree()
  departures.confirm(['one'])
  departures.takeBack(fakeError('two', 'forbidden'))
  states = []
  const shown: FakeElement[] = []
  reloaded(departures).recall((stanza: FakeElement) => shown.push(stanza))
  expect(idsOf(shown)).toEqual(['two', 'three'])
  expect(states).toEqual(['two bob@localhost failed forbidden'])
})

// A page may offer to send again what was not sent: the rest could arrive twice.
test('at the end of the chat, messages that no server has confirmed fail, also those that may have arrived', () => {
  const departures = sentThree()
  departures.add(message('four'))
  departures.add(message('given'), true)
  departures.confirm(['one'])
  states = []
  departures.failAll()
  expect(states).toEqual([
    ...['two', 'three', 'given'].map(id => `${id} bob@localhost failed not-confirmed`),
    'four bob@localhost failed not-sent',
  ])
  expect(departures.unsent()).toEqual([])
})

test.each([
  ['an error of another address', fakeError('one', undefined, 'eve@localhost')],
  ['an error for an unknown message', fakeError('none')],
  ['an error of an occupant', fakeError('one', undefined, 'bob@localhost/eve')],
  ['a message', fakeElement('message', { id: 'one', from: 'bob@localhost' })],
])('no message is sent again for %s', (_, error) => {
  const departures = sentThree()
  expect(departures.takeBack(error)).toBe(undefined)
  expect(states).toEqual([])
  expect(departures.unsent()).toEqual([])
})

test('messages of another user are dropped, and at most 100,000 characters of sent ones are kept', () => {
  const departures = create()
  const ids = [0, 1, 2].map(number => `${number}`.padEnd(40_000, '.'))
  for (const id of ids) departures.add(message(id), true, true)
  expect(departures.sent.length).toBe(3)
  departures.confirm(ids)
  expect(departures.sent.length).toBe(2)
  departures.add(message('unsent'))
  departures.clear()
  expect([departures.outgoing, departures.sent]).toEqual([[], []])
  // Of messages whose fate stays unknown, the newest hundred are kept if they are long.
  for (let number = 1; number <= 101; number++) departures.add(message(`${number}`.padEnd(1000, '.')), true, true)
  expect(departures.sent.length).toBe(100)
})

test('after a WebSocket, messages that Strophe no longer repeats are sent again, with the mark of their return', () => {
  const departures = create()
  for (const id of ['one', 'two']) departures.add(message(id), true, true)
  expect(departures.takeBack(fakeError('two'))).toBe('again')
  departures.add(message('two'), true, true)
  departures.takeOver([{ stanza: JSON.stringify(message('two')) }])
  expect(idsOf(departures.unsent())).toEqual(['two'])
  expect(departures.takeBack(fakeError('two'))).toBe('failed')
})

test('a message is sent once in a connection, and again in the next connection', () => {
  const departures = create()
  departures.goOn(1, 2, undefined, nothingLost)
  departures.add(message('queued'), true)
  departures.add(message('written meanwhile'))
  expect(idsOf(departures.unsent())).toEqual(['written meanwhile'])
  expect(departures.unsent()).toEqual([])
  departures.goOn(100, 2, 1, nothingLost)
  expect(idsOf(departures.unsent())).toEqual(['queued', 'written meanwhile'])
})

describe('a message that the room sends back', () => {
  const room = 'tea@rooms.localhost'
  const said = { id: 'one', from: `${room}/Alice`, type: 'groupchat', body: 'Tea?' } as Message

  function sentToRoom(): Departures {
    const departures = create()
    departures.goOn(1, 2, undefined, nothingLost)
    const inside = [fakeElement('body', {}, 'Tea?'), fakeElement('nick', {}, 'Alice L.')]
    const toRoom = fakeElement('message', { id: 'one', to: 'Tea@rooms.localhost' }, ...inside)
    departures.add(toRoom)
    departures.note(request(1, toRoom))
    return departures
  }

  test('is recognized by its id and text', () => {
    const departures = sentToRoom()
    for (const other of [{ body: 'Milk?' }, { id: 'two' }, { from: 'tea@other.localhost/Alice' }, { type: 'chat' }])
      expect(departures.takeEcho({ ...said, ...other })).toBe(false)
    expect(states).toEqual([])
    expect([departures.takeEcho(said), departures.takeEcho(said)]).toEqual([true, true])
    expect(states).toEqual(['one Tea@rooms.localhost sent'])
  })

  test('counts as sent, although its session has ended and the user’s archive lacks it', () => {
    const departures = sentToRoom()
    departures.arrived()
    departures.goOn(9, 2, undefined, () => true)
    departures.failInDoubt()
    departures.takeEcho(said)
    expect(states).toEqual(['one Tea@rooms.localhost failed not-confirmed', 'one Tea@rooms.localhost sent'])
    expect(departures.resend('one')).toBe(false)
  })
})
