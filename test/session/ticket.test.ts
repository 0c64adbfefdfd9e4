import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { proofOfPage, Ticket, Tickets } from '../../src/session/ticket.js'

describe('the ticket of a page over WebSocket', () => {
  test('has a token of 256 random bits', () => {
    const tokens = Array.from({ length: 100 }, () => Ticket.fresh(120, 0).token)
    expect(new Set(tokens).size).toBe(100)
    for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/)
  })

  test('has a token that begins with the name of its process, if there is one', () => {
    const { ticket, token } = Ticket.fresh(120, 0, 'abcdefgh')
    expect(token).toMatch(/^abcdefgh-[\w-]{43}$/)
    expect(ticket.admits(proofOfPage(token), 0)).toBe(true)
    expect(ticket.admits(proofOfPage(token.slice(9)), 0)).toBe(false)
  })

  test('accepts its token until its time limit', () => {
    const { ticket, token } = Ticket.fresh(120, 5_000)
    const proof = proofOfPage(token)
    expect(ticket.admits(proof, 5_000)).toBe(true)
    expect(ticket.admits(proof, 124_999)).toBe(true)
    expect(ticket.admits(proof, 125_000)).toBe(false)
  })

  test('accepts no other token', () => {
    const { ticket, token } = Ticket.fresh(120, 0)
    const proof = proofOfPage(token)
    const others = [
      proofOfPage(Ticket.fresh(120, 0).token),
      proofOfPage(''),
      proofOfPage(`${token}=`),
      Buffer.from(token),
      Buffer.alloc(0),
      Buffer.alloc(32),
      proof.subarray(1),
      Buffer.concat([proof, Buffer.alloc(1)]),
      // The service's proof is not the page's proof.
      ticket.proof,
    ]
    for (const other of others) expect(ticket.admits(other, 0)).toBe(false)
  })

  test('is proved with HT-SHA-256-NONE by both sides', () => {
    const { ticket, token } = Ticket.fresh(120, 0)
    const hmac = (by: string) => createHmac('sha256', token).update(by).digest('hex')
    expect(proofOfPage(token).toString('hex')).toBe(hmac('Initiator'))
    expect(ticket.proof.toString('hex')).toBe(hmac('Responder'))
  })

  test('does not keep its token', () => {
    const { ticket, token } = Ticket.fresh(120, 0)
    expect(JSON.stringify(ticket)).not.toContain(token)
    expect(Object.values(ticket)).not.toContain(token)
  })
})

describe('tickets', () => {
  test('are found by the proof of the token, among any number of others', () => {
    const tickets = new Tickets<number>()
    const fresh = Array.from({ length: 1000 }, () => Ticket.fresh(120, 0))
    for (const [place, { ticket }] of fresh.entries()) tickets.add(ticket, place)
    expect(tickets.size).toBe(1000)
    for (const [place, { token }] of fresh.entries()) expect(tickets.sessionFor(proofOfPage(token))).toBe(place)
    expect(tickets.sessionFor(proofOfPage('guessed'))).toBeUndefined()
    expect(tickets.sessionFor(Buffer.alloc(0))).toBeUndefined()
    for (const { ticket } of fresh) tickets.remove(ticket)
    expect(tickets.size).toBe(0)
    expect(tickets.sessionFor(proofOfPage(fresh[0]!.token))).toBeUndefined()
  })
})
