// Runs in npm run test:all only: it starts every kind of process that there is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { callUrl } from '../support/login-server/watched-service.js'
import { type OperatedService, Operator, usualSettings } from '../support/operated-service.js'
import { redisForWorkers, workerCounts } from '../support/redis-for-workers.js'

const workersOf = redisForWorkers()
const operator = Operator.ofEachTest()

/** The ids of the processes of a service: its own, and those of its workers. */
function processesOf(service: OperatedService): number[] {
  const { pid } = service.lines.find(({ msg }) => msg === 'listening')!
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...children.split(' ').filter(Boolean).map(Number)]
}

/** How many sockets of a process listen, at any address. */
function listenersOf(pid: number): number {
  const sockets = readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
    } catch {
      return []
    }
  })
  const tables = ['tcp', 'tcp6'].map(name => readFileSync(`/proc/${pid}/net/${name}`, 'utf8'))
  const listening = tables.flatMap(table =>
    table.split('\n').flatMap(line => {
      const fields = line.trim().split(/\s+/)
      return fields[3] === '0A' ? [fields[9]!] : []
    }),
  )
  return sockets.filter(inode => listening.includes(inode)).length
}

test.each(workerCounts('0', '2'))('SIGUSR1 opens no debugger in any process, with %s workers', async workers => {
  const service = operator.start({ ...usualSettings, ...workersOf(workers) })
  const url = await service.url()
  const processes = processesOf(service)
  expect(processes).toHaveLength(1 + Number(workers))
  const before = processes.map(listenersOf)
  for (const pid of processes) process.kill(pid, 'SIGUSR1')
  // A process that answers has handled the signals sent before.
  for (let count = 0; count < 40; count++) expect((await callUrl(`${url}/healthz`, { method: 'GET' })).status).toBe(200)
  expect(service.stderr).toBe('')
  expect(processes.map(listenersOf)).toEqual(before)
  service.signal('SIGINT')
  expect(await service.exit).toBe(0)
  expect(service.stderr).toBe('')
})
