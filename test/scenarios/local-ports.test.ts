// Links take local ports. A network of its own has only 30 of them (Linux, as root).
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from '@jest/globals'
import { ensureBuilt, Operator } from '../support/operated-service.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'
import { root } from '../support/repository.js'

const run = promisify(execFile)
const operator = new Operator()

afterAll(() => operator.leave())

const inOwnNetwork = (script: string) => ['--net', 'sh', '-c', `ip link set lo up && ${script}`] as const
const hasNetworks = spawnSync('unshare', inOwnNetwork('true')).status === 0
const describeNetwork = hasNetworks
  ? describe
  : (name: string, tests: () => void) => describe.skip(`${name} (skipped: needs root and iproute2)`, tests)

async function fill(setting: string) {
  ensureBuilt()
  const range = 'echo 40000 40029 > /proc/sys/net/ipv4/ip_local_port_range'
  const program = `exec '${process.execPath}' '${join(root, 'test/support/port-namespace.js')}' ${setting}`
  const { stdout } = await run('unshare', inOwnNetwork(`${range} && ${program}`))
  return JSON.parse(stdout)
}

describeNetwork('a machine without a free local port', () => {
  test('answers 503, counts the ports, and does not blame the server', async () => {
    const { sessions, failed, used, available, isUp, again, refused } = await fill('')
    expect(failed).toMatchObject({ status: 503, code: 'local-ports-exhausted', step: 'connect', retry: true })
    expect(failed.advice).toContain('XMPP_LOCAL_ADDRESSES')
    expect(sessions).toBeGreaterThan(25)
    expect({ used, available, isUp, again }).toEqual({ used: sessions, available: 30, isUp: true, again: 200 })
    expect(refused).toMatchObject([{ limit: 'local-ports', setting: 'XMPP_LOCAL_ADDRESSES', domain: 'localhost' }])
  })

  test('has more links with XMPP_LOCAL_ADDRESSES, and other programs can still connect', async () => {
    const { sessions, failed, used, available, again } = await fill('XMPP_LOCAL_ADDRESSES=127.0.0.1,127.0.0.2')
    expect(failed).toMatchObject({ status: 503, code: 'local-ports-exhausted' })
    expect(sessions).toBeGreaterThan(30)
    expect({ used, available, again }).toEqual({ used: sessions, available: 50, again: 200 })
  })
})

describe('XMPP_LOCAL_ADDRESSES with an address of another machine', () => {
  const settings = {
    ...{ ADMIN_USERS: 'admin:admin-secret', XMPP_DOMAINS: 'localhost', PORT: '0', METRICS_ADDRESS: 'none' },
    XMPP_LOCAL_ADDRESSES: '127.0.0.1,192.0.2.7',
  }
  const fault = 'XMPP_LOCAL_ADDRESSES has 192.0.2.7, which is not an address of this machine'

  const workersOf = redisForWorkers()

  test.each([['0', ['--check-config']], ...workerCounts('0', '2').map(workers => [workers, []] as const)] as const)(
    'ends the program with %s workers and %j',
    async (workers, args) => {
      const service = operator.start({ ...settings, ...workersOf(workers) }, ...args)
      expect(await service.exit).not.toBe(0)
      expect(service.stderr + service.stdout).toContain(fault)
    },
  )
})

test.each(['10.0.0.0/8', 'localhost', '0.0.0.0', '::', '10.0.0.1:5000'])(
  'XMPP_LOCAL_ADDRESSES cannot be %s',
  async text => {
    const settings = { ADMIN_USERS: 'admin:s', XMPP_DOMAINS: 'localhost', XMPP_LOCAL_ADDRESSES: text }
    const service = operator.start(settings, '--check-config')
    expect(await service.exit).not.toBe(0)
    expect(service.stderr).toContain('not the IP address of an interface')
  },
)
