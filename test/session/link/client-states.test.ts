import { expect, test } from '@jest/globals'
import { BoshBench, lost, message } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'
import { nextBench, recordsOf, resumable, resumedByServer, resumesAt, takeUpAt } from '../../support/next-process.js'

const active = "<active xmlns='urn:xmpp:csi:0'/>"
const inactive = "<inactive xmlns='urn:xmpp:csi:0'/>"

test.each([
  ['supports them', true, [inactive + message('one'), active]],
  ['does not support them', false, [message('one')]],
])(
  'client states of a page reach a server only if it supports them: the server %s',
  async (_what, offersClientStates, sent) => {
    const page = await new BoshBench().warmed()
    Object.assign(page.link.facts, { offersClientStates })
    page.link.sent.length = 0
    await page.next(inactive + message('one'))
    await page.next(active)
    expect(page.link.sent).toEqual(sent)
  },
)

/** A session whose link can be mended, at a server that supports client states, or does not. */
async function managed(offersClientStates: boolean) {
  const all = await resumable()
  Object.assign(all.client.link.facts, { offersClientStates })
  return all
}

/** Returns what was sent after `<resume/>`. */
const isMended = async (...about: Parameters<typeof resumesAt>) => (await resumesAt(...about)).sent.slice(1)

test.each([
  ['inactive', true, [inactive], [], [inactive]],
  ['active again', true, [inactive, active], [], [active]],
  ['inactive, at a server that does not support them', false, [inactive], [], []],
  ['inactive, and sent something else', true, [inactive, "<other xmlns='urn:xmpp:csi:0'/>"], [], [inactive]],
  ['inactive, and active while it is mended', true, [inactive], [active], [active]],
  ['in no state', true, [], [], []],
])(
  'after its link is mended, a server has the state of a page that was %s',
  async (_what, isOffered, before, meanwhile, repeated) => {
    const { bench, client, mending } = await managed(isOffered)
    for (const state of before) await client.next(state)
    await bench.server(() => client.link.end(lost))
    for (const state of meanwhile) await client.next(state)
    expect(await isMended(bench, mending)).toEqual(repeated)
  },
)

test('a page whose stream is resumed within the login, before the server sends its features', async () => {
  const { bench, client, mending } = await managed(true)
  await client.next(inactive)
  await bench.server(() => client.link.end(lost))
  const link = mending.attempts[0]!.succeed(element(resumedByServer(0)))
  await bench.pass(0)
  expect(link.sent).toEqual([inactive])
  await client.next(active)
  expect(link.sent).toEqual([inactive, active])
})

test('a page whose session moves to another process', async () => {
  const { bench, client } = await managed(true)
  await client.next(inactive)
  const next = nextBench()
  const [mending] = takeUpAt(next, recordsOf(bench))
  expect(await isMended(next, mending!)).toEqual([inactive])
})

test('a page whose process dies may be visible again, so that only `active` is repeated', async () => {
  for (const state of [inactive, active]) {
    const { bench, client } = await managed(true)
    await client.next(state)
    const session = bench.registry.byId(client.id)!
    expect(session.clientStates.record(true)).toMatchObject({ last: state === active ? 'active' : undefined })
  }
})

test.each([
  ['hidden', inactive, [active]],
  ['visible', active, []],
])('another page is not taken for hidden, after a page that was %s', async (_what, state, told) => {
  const { bench, client, mending } = await managed(true)
  await client.next(state)
  client.link.sent.length = 0
  bench.registry.byId(client.id)!.resume({ seconds: 120, attachBinding: 'off' })
  expect(client.link.sent).toEqual(told)
  await bench.server(() => client.link.end(lost))
  expect(await isMended(bench, mending)).toEqual(told)
})
