import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { reloading } from '../../src/command/reloading.js'
import { loadConfig } from '../../src/config/load.js'
import { reloadConfig } from '../../src/config/reload.js'
import { LastReload } from '../../src/watching/last-reload.js'

test.each([true, false])('the log says whether all parts have taken the settings: %s', async isTaken => {
  const lines: { level: number; msg: string }[] = []
  const log = pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) })
  const before = loadConfig({ ADMIN_USERS: 'a:bcdefg', XMPP_DOMAINS: 'a.example' })
  const reload = reloading(
    { reload: () => reloadConfig(before, { ...before.environment, LOG_LEVEL: 'debug' }) },
    { reopen() {}, reload: async () => isTaken },
    log,
    new LastReload(),
  )
  expect(await reload()).toBe(isTaken)
  expect(lines).toMatchObject([
    isTaken
      ? { level: 30, changed: ['LOG_LEVEL'], msg: 'the settings were read again' }
      : { level: 40, changed: ['LOG_LEVEL'], msg: expect.stringContaining('only a part of the settings') },
  ])
})
