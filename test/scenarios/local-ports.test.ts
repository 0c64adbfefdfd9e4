// Links take local ports. A network of its own has only 30 of them (Linux, as root).
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { ensureBuilt } from '../support/operated-service.js'
import { root } from '../support/repository.js'

const run = promisify(execFile)

const inOwnNetwork = (script: string) => ['--net', 'sh', '-c', `ip link set lo up && ${script}`] as const
const hasNetworks = spawnSync('unshare', inOwnNetwork('true')).status === 0
const describeNetwork = hasNetworks
  ? describe
  : (name: string, tests: () => void) => describe.skip(`${name} (skipped: needs root and iproute2)`, tests)

async function fill() {
  ensureBuilt()
  const range = 'echo 40000 40029 > /proc/sys/net/ipv4/ip_local_port_range'
  const program = `exec '${process.execPath}' '${join(root, 'test/support/port-namespace.js')}'`
  const { stdout } = await run('unshare', inOwnNetwork(`${range} && ${program}`))
  return JSON.parse(stdout)
}

describeNetwork('a machine without a free local port', () => {
  test('answers 503, and does not blame the server', async () => {
    const { sessions, failed, isUp, again, refused } = await fill()
    expect(failed).toMatchObject({ status: 503, code: 'local-ports-exhausted', step: 'connect', retry: true })
    expect(failed.advice).toContain('net.ipv4.ip_local_port_range')
    expect(sessions).toBeGreaterThan(25)
    expect({ isUp, again }).toEqual({ isUp: true, again: 200 })
    expect(refused).toMatchObject([
      { limit: 'local-ports', setting: 'net.ipv4.ip_local_port_range', domain: 'localhost' },
    ])
  })
})
