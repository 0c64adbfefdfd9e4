import { expect, test } from '@jest/globals'
import { BoshBench, message } from '../support/bosh-bench.js'

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
