import { beforeEach, describe, expect, test } from '@jest/globals'
import type { EndpointSession } from '../../src/remote/endpoint-session.js'
import { SessionsElsewhere } from '../../src/remote/sessions-elsewhere.js'

const ended: number[] = []
const session = (number: number, jid = 'juliet@far.example/balcony') =>
  [
    `id${number}`,
    jid,
    'far.example',
    number,
    { end: () => void ended.push(number) } as unknown as EndpointSession,
  ] as const

describe('sessions that pages use at a remote endpoint', () => {
  beforeEach(() => {
    ended.length = 0
  })

  test('are found by id and by bare JID', () => {
    const elsewhere = new SessionsElsewhere()
    elsewhere.add(...session(1))
    elsewhere.add(...session(2, 'juliet@far.example.org/balcony'))
    elsewhere.add(...session(3, 'juliet@far.example/chamber'))
    expect(elsewhere.get('id2')?.jid).toBe('juliet@far.example.org/balcony')
    expect(elsewhere.get('id4')).toBeUndefined()
    expect(elsewhere.ofJid('juliet@far.example').map(view => view.id)).toEqual(['id1', 'id3'])
    expect(elsewhere.ofJid('romeo@far.example')).toEqual([])
  })

  test('are dropped if there are too many, the oldest first', () => {
    const elsewhere = new SessionsElsewhere()
    for (let number = 1; number <= 20_001; number++) elsewhere.add(...session(number))
    expect(elsewhere.size).toBe(20_000)
    expect([...elsewhere.list()].at(0)?.id).toBe('id2')
  })

  test('can no longer be ended after a thousand others were added', () => {
    const elsewhere = new SessionsElsewhere()
    for (let number = 1; number <= 1001; number++) elsewhere.add(...session(number))
    for (const id of ['id1', 'id2']) elsewhere.endUnclaimed(id)
    expect(ended).toEqual([2])
    expect(elsewhere.get('id1')).toBeDefined()
  })
})
