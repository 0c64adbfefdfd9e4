import { expect, test } from '@jest/globals'
import { loadConfig } from '../../../src/config/load.js'
import { listen } from '../../../src/http/listening/listening.js'
import { Descriptors } from '../../../src/lib/limits/descriptors.js'
import { createLog } from '../../../src/lib/log.js'
import { isCollected } from '../../support/collected.js'
import { FakeClock } from '../../support/fake-clock.js'
import { unnoted } from '../../support/unlimited.js'

const { config } = loadConfig({
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_USERS: 'portal:a-secret',
  XMPP_DOMAINS: 'plain.example',
})

test.each(['closes', 'retires, and then closes,'])('a listener that %s leaves nothing in memory', async how => {
  const run = async () => {
    const dispatcher = Object.assign(() => {}, { upgradeFor: () => undefined, holds: () => false })
    const listening = await listen(dispatcher, {
      config,
      log: createLog('info', { write() {} }),
      clock: new FakeClock(),
      refused: unnoted,
      note: unnoted,
      descriptors: new Descriptors(),
    })
    if (how !== 'closes') listening.retire()
    await listening.close()
    return new WeakRef(dispatcher)
  }
  expect(await isCollected(await run())).toBe(true)
})
