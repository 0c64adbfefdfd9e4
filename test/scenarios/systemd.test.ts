// What systemd hears from the service (sd_notify). test/peers/debian-package.test.ts has a real systemd.
// Runs in npm run test:all only: ten seconds.
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { Operator, usualSettings } from '../support/operated-service.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'

const workersOf = redisForWorkers()
const operator = Operator.ofEachTest()

/** Writes each call's assignments and the names of its variables as a line. */
const recorder = `#!/bin/sh
cd "\${0%/*}" && echo "$* $(env | cut -d= -f1 | sort | tr '\\n' ' ')" >> told
`

const told = () =>
  existsSync(operator.pathOf('told')) ? readFileSync(operator.pathOf('told'), 'utf8').trim().split('\n') : []

const last = (line: string) => eventually(`systemd hears ${line}`, () => told().at(-1)?.startsWith(line) === true)

function start(more: Record<string, string>) {
  operator.write('systemd-notify', recorder)
  chmodSync(operator.pathOf('systemd-notify'), 0o755)
  const PATH = `${operator.pathOf('.')}:${process.env['PATH']}`
  return operator.start({ ...usualSettings, PATH, NOTIFY_SOCKET: '@systemd', ...more })
}

describe.each(workerCounts('0', '1'))('systemd, for a service with %s workers', workers => {
  const status = workers === '0' ? '0 sessions' : '1 of 1 workers run'

  test('gets READY, RELOADING and STOPPING, but no secrets', async () => {
    const service = start({ ...workersOf(workers), DRAIN_TIME: '1' })
    await service.url()
    await last(`READY=1 STATUS=${status}`)
    service.signal('SIGHUP')
    await eventually('it reloads', () => told().length === 3)
    expect(told()[1]).toMatch(/^RELOADING=1 MONOTONIC_USEC=\d+ /)
    expect(told()[2]).toMatch(/^READY=1 /)
    service.signal('SIGTERM')
    expect(await service.exit).toBe(0)
    await last('STOPPING=1 EXTEND_TIMEOUT_USEC=76000000')
    for (const line of told()) expect(line).not.toMatch(/ADMIN|XMPP/)
  })
})

test('without systemd-notify, the log has a warning, and the service runs', async () => {
  const service = operator.start({ ...usualSettings, PATH: '/nowhere', NOTIFY_SOCKET: '@systemd' })
  await service.url()
  await eventually('it warns', () => service.lines.some(({ msg, code }) => /notify/.test(msg) && code === 'ENOENT'))
})
