import { describe, expect, test } from '@jest/globals'
import { proofOfPage, Ticket } from '../../src/session/ticket.js'

describe('the ticket of a page over WebSocket', () => {
  test('has a token of 256 random bits, behind the name of its process, if there is one', () => {
    const tokens = Array.from({ length: 100 }, () => Ticket.fresh(120, 0).token)
    expect(new Set(tokens).size).toBe(100)
    for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/)
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
})
