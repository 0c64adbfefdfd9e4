import { expect, test } from '@jest/globals'
import { knownSessions, OwnSessions } from '../../../src/session/registry/own-sessions.js'
import type { SessionView } from '../../../src/session/session-types.js'
import { BoshBench } from '../../support/bosh-bench.js'

const jid = 'juliet@chat.example/balcony'
const there: SessionView = {
  id: 'there',
  jid,
  domain: 'chat.example',
  origin: 'warmed',
  transport: 'bosh',
  state: 'elsewhere',
  createdAt: 1_000,
  quietSince: undefined,
}
const elsewhere = {
  get: (id: string) => (id === there.id ? there : undefined),
  list: () => [there],
  ofJid: () => [there],
}
const knownTo = ({ registry }: BoshBench) => knownSessions(new OwnSessions(registry, elsewhere))
const all = { scope: ['*'], limit: 100, after: undefined }

test('sessions at a remote endpoint are listed with the others, and not ended', async () => {
  const bench = new BoshBench()
  const { id: first } = await bench.warmed()
  await bench.pass(2)
  const { id: last } = await bench.warmed()
  const known = knownTo(bench)
  const ids = async (jid?: string) => (await known.page({ ...all, jid })).sessions.map(({ id }) => id)
  expect(await ids()).toEqual([first, 'there', last])
  expect(await ids(jid)).toEqual([first, 'there', last])
  expect((await known.states(['*'])).states).toEqual(
    new Map([
      ['waiting', 2],
      ['elsewhere', 1],
    ]),
  )
  const states = [first, 'there', 'nowhere'].map(async id => (await known.get(id))?.state)
  expect(await Promise.all(states)).toEqual(['waiting', 'elsewhere', undefined])
  expect(await known.resume('there', { seconds: 30, attachBinding: 'off' })).toBeUndefined()
  expect([await known.end('there'), await known.end(first)]).toEqual([false, true])
  expect(await ids()).toEqual(['there', last])
  expect(await known.endAll(jid)).toEqual({ ended: 1, elsewhere: 1, unanswered: undefined })
  expect(await ids()).toEqual(['there'])
})
