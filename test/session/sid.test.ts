import { expect, test } from '@jest/globals'
import { hashOf, newSid } from '../../src/session/sid.js'

test('the id does not reveal the sid, and is always the same for a sid', () => {
  const { sid, id } = newSid()
  expect(sid).toMatch(/^[0-9a-f]{40}$/)
  expect(id).toMatch(/^[0-9a-f]{32}$/)
  expect(hashOf(sid)).toBe(id)
  expect(newSid().sid).not.toBe(sid)
  // Behind the name of its process, if it has one.
  const named = newSid('node-2')
  expect(named.sid).toMatch(/^node-2-[0-9a-f]{40}$/)
  expect(named.id).toBe(`node-2-${hashOf(named.sid.slice('node-2-'.length))}`)
})
