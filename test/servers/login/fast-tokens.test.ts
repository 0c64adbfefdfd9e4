import { describe, expect, test } from '@jest/globals'
import { createFastTokens } from '../../../src/servers/login/fast-tokens.js'

const domain = 'chat.example'
const juliet = `juliet@${domain}`

test.each([
  ['never', ['a', 'a', 'a'], false],
  ['with a new password', ['a', 'b', 'b', 'c', 'c'], false],
  ['each time', ['a', 'b', 'c'], true],
])('a FAST token is requested after SCRAM only if the salt changes each time: %s, %j', (_what, salts, expected) => {
  const { noteSalt, areNeeded } = createFastTokens()
  for (const salt of salts) noteSalt(domain, 'juliet', Buffer.from(salt))
  noteSalt(domain, 'romeo', Buffer.from('r'))
  expect([areNeeded(domain, 'SCRAM-SHA-1'), areNeeded('other.example', 'SCRAM-SHA-1')]).toEqual([expected, false])
})

describe('the user agent', () => {
  test('is a random UUID, different for each session, user and process', () => {
    const { agentOf } = createFastTokens()
    const all = [agentOf(juliet), agentOf(juliet), agentOf(`romeo@${domain}`), createFastTokens().agentOf(juliet)]
    for (const { id } of all)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(new Set(all.map(({ id }) => id)).size).toBe(4)
  })

  test('is used again by a later session, once', () => {
    const { agentOf } = createFastTokens()
    const [first, second] = [agentOf(juliet), agentOf(juliet)]
    first.giveBack()
    first.giveBack()
    const third = agentOf(juliet)
    expect(third.id).toBe(first.id)
    first.giveBack()
    expect([first.id, second.id]).not.toContain(agentOf(juliet).id)
  })
})
