import { expect, test } from '@jest/globals'
import { BoshBench, message } from '../support/bosh-bench.js'

const active = "<active xmlns='urn:xmpp:csi:0'/>"
const inactive = "<inactive xmlns='urn:xmpp:csi:0'/>"

test.each([
  ['knows', true, [inactive + message('one'), active]],
  ['does not know', false, [message('one')]],
])('a client can tell its state to a server that %s client states', async (_what, offersClientStates, sent) => {
  const bench = new BoshBench()
  const page = await bench.warmed()
  Object.assign(page.link.facts, { offersClientStates })
  page.link.sent.length = 0
  await page.next(inactive + message('one'))
  await page.next(active)
  expect(page.link.sent).toEqual(sent)
})
