import { existsSync, readFileSync, renameSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.js'
import { fewOrAll, testRest } from '../support/matrix.js'
import { Operator, usualSettings } from '../support/operated-service.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'
import { scrape } from '../support/scrape.js'

const workersOf = redisForWorkers()
const operator = Operator.ofEachTest()

const settings = (more: Record<string, string> = {}) => ({
  ...usualSettings,
  RATE_FAILED_LOGINS: '0',
  ...more,
})

const agent = new Agent({ keepAlive: true, maxSockets: 20 })

let guessed = 0

/** Sends a different wrong secret each time, because equal secrets share a line. Resolves with the status. */
const guess = (url: string, user = 'admin') =>
  new Promise<number>((resolve, reject) => {
    const sent = request(`${url}/warm`, { method: 'POST', auth: `${user}:wrong ${++guessed}`, agent }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode!))
    })
    sent.on('error', reject).end()
  })

const audited = (text: string) => text.split('\n').filter(line => line !== '' && JSON.parse(line).audit === true)

describe('the audit trail', () => {
  test.each(fewOrAll(workerCounts('0', '2'), count => count === '0'))(
    'is written to a file that SIGHUP reopens, with %s workers',
    async workers => {
      const file = operator.pathOf('audit.log')
      const service = operator.start(settings({ AUDIT_LOG: file, ...workersOf(workers) }))
      const url = await service.url()
      await Promise.all(Array.from({ length: 8 }, () => guess(url)))
      expect(audited(readFileSync(file, 'utf8'))).toHaveLength(8)
      expect(statSync(file).mode & 0o777).toBe(0o640)
      renameSync(file, `${file}.1`)
      await guess(url)
      expect(audited(readFileSync(`${file}.1`, 'utf8'))).toHaveLength(9)
      service.signal('SIGHUP')
      await eventually('the new file', () => existsSync(file))
      // Each worker reopens the file in its own time.
      for (let tried = 0; tried < 200 && readFileSync(file, 'utf8') === ''; tried += 1) await guess(url)
      expect(audited(readFileSync(file, 'utf8'))).not.toEqual([])
      expect(audited(service.stdout)).toEqual([])
    },
  )

  testRest('prevents the start if its file is not writable', async () => {
    const AUDIT_LOG = operator.pathOf('missing/audit.log')
    const problem = `AUDIT_LOG names ${AUDIT_LOG}, which cannot be written to (ENOENT)`
    const starts = workerCounts('0', '1').map(workers => operator.start(settings({ AUDIT_LOG, ...workersOf(workers) })))
    for (const service of [...starts, operator.start(settings({ AUDIT_LOG }), '--check-config')]) {
      expect(await service.exit).toBe(1)
      expect(service.stderr).toContain(problem)
      expect(service.stderr).not.toMatch(/^\s+at /m)
    }
    const unmade = operator.pathOf('audit.log')
    expect(await operator.start(settings({ AUDIT_LOG: unmade }), '--check-config').exit).toBe(0)
    expect(existsSync(unmade)).toBe(false)
  })
})

// The counting itself is tested in `test/watching/logs.test.ts`.
testRest('after its reader stalled, the log reports how many lines were lost', async () => {
  const METRICS_ADDRESS = '127.0.0.1:0'
  const service = operator.start(settings({ METRICS_ADDRESS, AUDIT_LOG: 'stdout' }))
  const url = await service.url()
  const goOn = service.stall()
  // More than the pipe, this process and the backlog hold: about 200 bytes a line.
  const guesses = 8_000
  for (let sent = 0; sent < guesses; sent += 100)
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => guess(url))))).toEqual(new Set([401]))
  goOn()
  await eventually('the line with the lost count', () => service.lines.some(line => 'lost' in line))
  const told = service.lines.filter(line => 'lost' in line)
  expect(told).toMatchObject([{ level: 40, lost: expect.any(Number) }])
  const lost = told[0]!['lost'] as number
  expect(audited(service.stdout)).toHaveLength(guesses - lost)
  await guess(url)
  await eventually('the next line', () => audited(service.stdout).length === guesses - lost + 1)
  const { metricsUrl } = service.lines.find(({ msg }) => msg === 'listening') as Record<string, unknown>
  const { samples } = await scrape(metricsUrl as string)
  expect(samples.get('warm_bindings_log_lines_lost_total{stream="audit"}')).toBe(lost)
})
