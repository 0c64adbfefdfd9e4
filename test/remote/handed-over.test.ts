import { describe, expect, test } from '@jest/globals'
import type { EndpointSession } from '../../src/remote/endpoint-session.js'
import { HandedOverSessions } from '../../src/remote/handed-over.js'

const ended: number[] = []
const departed = (number: number, jid = 'juliet@far.example/balcony') =>
  [
    `id${number}`,
    jid,
    'far.example',
    number,
    { end: () => void ended.push(number) } as unknown as EndpointSession,
  ] as const

describe('sessions elsewhere', () => {
  test('are found by their handle and by their bare JID', () => {
    const elsewhere = new HandedOverSessions()
    elsewhere.add(...departed(1))
    elsewhere.add(...departed(2, 'juliet@far.example.org/balcony'))
    elsewhere.add(...departed(3, 'juliet@far.example/chamber'))
    expect(elsewhere.get('id2')?.jid).toBe('juliet@far.example.org/balcony')
    expect(elsewhere.get('id4')).toBeUndefined()
    expect(elsewhere.ofJid('juliet@far.example').map(view => view.id)).toEqual(['id1', 'id3'])
    expect(elsewhere.ofJid('romeo@far.example')).toEqual([])
  })

  test('are forgotten when there are too many, the oldest first', () => {
    const elsewhere = new HandedOverSessions()
    for (let number = 1; number <= 20_001; number++) elsewhere.add(...departed(number))
    expect(elsewhere.size).toBe(20_000)
    expect([...elsewhere.list()].at(0)?.id).toBe('id2')
  })

  test('are ended once where their clients never heard of them, and are gone then', () => {
    const elsewhere = new HandedOverSessions()
    for (const number of [1, 2]) elsewhere.add(...departed(number))
    for (const id of ['id1', 'id1', 'id3']) elsewhere.release(id)
    expect(ended).toEqual([1])
    expect([...elsewhere.list()].map(view => view.id)).toEqual(['id2'])
  })

  test('are left alone once many others have followed', () => {
    const elsewhere = new HandedOverSessions()
    for (let number = 1; number <= 1001; number++) elsewhere.add(...departed(number))
    elsewhere.release('id1')
    expect(ended).toEqual([1])
    expect(elsewhere.get('id1')).toBeDefined()
  })
})
