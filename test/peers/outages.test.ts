// What users notice while links are cut, servers restarted, and the service stopped and started.
// Runs in npm run test:all only: four minutes for each server.
import { expect, test } from '@jest/globals'
import { observeOutages, outages } from '../support/crowd/outages.js'
import { ensureBuilt } from '../support/operated-service.js'
import { describeWith } from './needs.js'

for (const maker of ['prosody', 'ejabberd'] as const) {
  describeWith([maker, 'openssl'], `Users of ${maker}`, () => {
    test('lose no message, and no session that can survive', async () => {
      ensureBuilt()
      const only = outages.filter(({ workers }) => workers === undefined).map(({ name }) => name)
      const rows: string[] = []
      expect([await observeOutages({ maker, sessions: 20, only }, row => rows.push(row)), rows]).toEqual([[], rows])
    }, 600_000)
  })
}
