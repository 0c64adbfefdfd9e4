// Sessions in STATE_DIR, and starts that do not take them up.
import { createSecretKey, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, test } from '@jest/globals'
import { createLog } from '../../src/lib/log.js'
import { stateFiles } from '../../src/session/registry/state-files.js'
import { recordVersion } from '../../src/session/session-record.js'
import { eventually } from '../support/eventually.js'
import { Operator, usualSettings } from '../support/operated-service.js'
import { freePorts } from '../support/ports.js'

const operator = Operator.ofEachTest()
const own = randomBytes(32)

/** A record that no process can take up. */
const record = '{}'

async function written(key: Buffer) {
  const [port] = await freePorts(1)
  operator.makeFolder('state')
  operator.write('keys', `${own.toString('base64')}\n`)
  const folder = operator.pathOf('state')
  const files = stateFiles({
    ...{ folder, keys: [createSecretKey(key)], slot: 0, workers: 0, version: recordVersion, longestOutage: 60_000 },
    log: createLog('info', { write() {} }),
  })
  await files.write(Array<string>(2000).fill(record), record.length)
  const settings = {
    ...usualSettings,
    HOST: '127.0.0.1',
    PORT: String(port),
    STATE_DIR: folder,
    SEAL_KEY_FILE: operator.pathOf('keys'),
  }
  return { settings, port, isThere: () => existsSync(`${folder}/sessions-0`) }
}

test('a failed start keeps the sealed files, and a signal during the next start stops it cleanly', async () => {
  const { settings, port, isThere } = await written(own)
  const other = createServer().listen(port, '127.0.0.1')
  expect(await operator.start(settings).exit).toBe(1)
  expect(isThere()).toBe(true)
  await new Promise(resolve => other.close(resolve))

  const running = operator.start(settings)
  await eventually('the sessions are taken up', () => !isThere())
  running.signal('SIGTERM')
  expect(await running.exit).toBe(0)
  const said = running.lines.map(({ msg }) => msg)
  expect(said).toContain('sessions of an earlier process were taken up')
  expect(said.at(-1)).toBe('stopped')
})
