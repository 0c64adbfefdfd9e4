import { expect, test } from '@jest/globals'
import { smNamespace } from '../../../src/xmpp/namespaces.js'
import { BoshBench, FakeMending, features, message } from '../../support/bosh-bench.js'
import { element } from '../../support/element.js'
import { nextBench, recordsOf, takeUpAt } from '../../support/next-process.js'

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

const lost = { failure: { step: 'features', code: 'remote-connection-failed' } } as const
const resumed = `<resumed xmlns='${smNamespace}' previd='s' h='0'/>`

/** A session whose link can be mended, at a server that supports client states, or does not. */
async function managed(offersClientStates: boolean) {
  const bench = new BoshBench()
  const repairs = new FakeMending()
  const client = await bench.warmed({ management: { mending: repairs } })
  Object.assign(client.link.facts, { offersClientStates })
  await bench.server(link => link.say(`<enabled xmlns='${smNamespace}' id='s' resume='true'/>`))
  return { bench, client, repairs }
}

/** Returns what was sent after `<resume/>`. */
async function isMended(bench: BoshBench, { attempts }: FakeMending): Promise<string[]> {
  const link = attempts.at(-1)!.succeed()
  await bench.pass(0)
  link.receive(features)
  await bench.server(() => link.say(resumed))
  return link.sent.slice(1)
}

test.each([
  ['inactive', true, [inactive], [inactive]],
  ['active again', true, [inactive, active], [active]],
  ['inactive, at a server that does not support them', false, [inactive], []],
  ['inactive, and sent something else', true, [inactive, "<other xmlns='urn:xmpp:csi:0'/>"], [inactive]],
  ['in no state', true, [], []],
])('a page that was %s before its link broke is so after it is mended', async (_what, isOffered, states, repeated) => {
  const { bench, client, repairs } = await managed(isOffered)
  for (const state of states) await client.next(state)
  await bench.server(() => client.link.end(lost))
  expect(await isMended(bench, repairs)).toEqual(repeated)
})

test('a page that changes its state while its link is mended', async () => {
  const { bench, client, repairs } = await managed(true)
  await client.next(inactive)
  await bench.server(() => client.link.end(lost))
  await client.next(active)
  expect(await isMended(bench, repairs)).toEqual([active])
})

test('a page whose stream is resumed within the login, before the server sends its features', async () => {
  const { bench, client, repairs } = await managed(true)
  await client.next(inactive)
  await bench.server(() => client.link.end(lost))
  const link = repairs.attempts[0]!.succeed(element(resumed))
  await bench.pass(0)
  expect(link.sent).toEqual([inactive])
  await client.next(active)
  expect(link.sent).toEqual([inactive, active])
})

test('a page whose session moves to another process', async () => {
  const { bench, client } = await managed(true)
  await client.next(inactive)
  const next = nextBench()
  const [repairs] = takeUpAt(next, recordsOf(bench))
  expect(await isMended(next, repairs!)).toEqual([inactive])
})

test('a page whose process dies may be visible again, so that only `active` is repeated', async () => {
  for (const [state, last] of [
    [inactive, undefined],
    [active, 'active'],
  ] as const) {
    const { bench, client } = await managed(true)
    await client.next(state)
    const session = bench.registry.byId(client.id)!
    expect(session.clientStates.record(true)).toEqual({ areOffered: true, last })
  }
})

test('another page is not taken for hidden', async () => {
  const { bench, client, repairs } = await managed(true)
  await client.next(inactive)
  bench.registry.byId(client.id)!.resume({ seconds: 120, attachBinding: 'off' })
  await bench.server(() => client.link.end(lost))
  expect(await isMended(bench, repairs)).toEqual([])
})
