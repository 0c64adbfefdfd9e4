// Pages with a token, at two processes that know each other and at the two workers of one command.
// Runs in npm run test:all only: half a minute.

import { writeFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/lib/clock.js'
import { describeWith } from '../peers/needs.js'
import { testConnectOfProcesses } from '../support/connect-of-processes.js'
import { eventually } from '../support/eventually.js'
import { memoryStore } from '../support/memory-store.js'
import { type OperatedService, Operator } from '../support/operated-service.js'
import { redisForWorkers, redisPackages } from '../support/redis-for-workers.js'
import { admin, startTestService } from '../support/start-service.js'
import { unlimited } from '../support/unlimited.js'

describe('at two processes', () => {
  testConnectOfProcesses(async environment => {
    const store = memoryStore(systemClock)
    const start = () => startTestService({ environment, store })
    const services = [await start(), await start()]
    return {
      urls: services.map(({ url }) => url),
      stop: async () => void (await Promise.all(services.map(service => service.stop()))),
    }
  })
})

describeWith(redisPackages, 'at two workers', () => {
  const workersOf = redisForWorkers()
  const operator = new Operator()
  /** Those that have answered calls. A call for a session of another worker is answered there. */
  const answered: OperatedService['lines'][number][] = []
  afterAll(() => {
    operator.leave()
    expect(workersIn(answered)).toEqual([1, 2])
  })
  let service: OperatedService
  const said = (msg: string) => service.lines.filter(line => line.msg === msg)
  const workersIn = (lines: OperatedService['lines']) => [...new Set(lines.map(({ worker }) => worker))].sort()

  testConnectOfProcesses(
    async environment => {
      service = operator.start({
        ...unlimited,
        ...workersOf('2'),
        PORT: '0',
        METRICS_ADDRESS: 'none',
        ADMIN_USERS: `${admin.name}:${admin.secret}`,
        ...environment,
      })
      const url = await service.url()
      // A worker starts without Redis if Redis is slow.
      await eventually('both workers have Redis', () => said('Redis is there').length === 2)
      return {
        urls: [url],
        async stop() {
          answered.push(...said('connect'))
          service.signal('SIGTERM')
          expect(await service.exit).toBe(0)
        },
      }
    },
    stage =>
      test('SIGHUP replaces the secrets, or keeps them if the file is invalid', async () => {
        const { connect, secrets } = stage()
        const later = 'a-later-secret-of-the-portal-32-bytes'
        const statuses = async (secret?: string) => {
          const answers = [await connect({ secret }), await connect({ secret }), await connect({ secret })]
          return [...new Set(answers.map(({ status }) => status))]
        }
        writeFileSync(secrets, 'too-short')
        service.signal('SIGHUP')
        const refused = 'the settings are invalid: nothing has changed'
        await eventually('the primary has read the file', () => said(refused).length === 1)
        const problems = [expect.stringMatching(/^PAGE_TOKEN_SECRET_FILE names a file whose line 1 .* too short/)]
        expect(said(refused)).toMatchObject([{ problems }])
        expect([await statuses(), await statuses(later)]).toEqual([[200], [401]])

        writeFileSync(secrets, later)
        service.signal('SIGHUP')
        const reloaded = 'keys for page tokens reloaded'
        await eventually('both workers have read the file', () => said(reloaded).length === 2)
        expect(workersIn(said(reloaded))).toEqual([1, 2])
        expect([await statuses(), await statuses(later)]).toEqual([[401], [200]])
        expect(service.stdout + service.stderr).not.toMatch(/too-short|later-secret/)
      }),
  )
})
