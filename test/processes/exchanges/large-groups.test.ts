// Heartbeats of hundreds of processes, in memory.
import { afterEach, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { startNodes } from '../../../src/processes/start-nodes.js'
import { FakeClock } from '../../support/fake-clock.js'
import { type JoinedProcess, JoinedProcesses, settled } from '../../support/joined-processes.js'
import { casesOf } from '../../support/matrix.js'

jest.setTimeout(120_000)

const second = 1_000
const size = casesOf(120, 240)

let joined: JoinedProcesses

async function start(count: number): Promise<void> {
  joined = new JoinedProcesses()
  for (let number = 0; number < count; number++) await joined.start()
  for (let step = 0; step < 4; step++) await joined.pass(second / 2)
}

/** Resolves with the heartbeats that each process reads in a second. */
async function readBy(count: number): Promise<number> {
  await start(count)
  const before = joined.network.sent
  const seconds = 10
  for (let step = 0; step < 2 * seconds; step++) await joined.pass(second / 2)
  return (joined.network.sent - before) / seconds / count
}

afterEach(() => joined.close())

test('a process of a large group reads only as many heartbeats as one of 40', async () => {
  expect(await readBy(20)).toBeCloseTo(19, 0)
  await joined.close()
  expect(await readBy(size)).toBeLessThan(60)
  const [one] = joined.all
  expect([...one!.nodes.others].filter(({ isSilent }) => isSilent)).toEqual([])
})

test('in a large group, a hanging process is detected first by processes that wait for it', async () => {
  await start(size)
  const [waiting, idle, hung] = joined.all
  const name = hung!.nodes.self
  joined.network.stop(name)
  // The clock of the process also stops.
  joined.all.splice(2, 1)
  let end: string | undefined
  waiting!.nodes.open(name, 'talk', {}, '', {
    onMessage() {},
    onEnd(how) {
      end = how
    },
  })
  const isLostTo = ({ nodes }: JoinedProcess) => nodes.lost.includes(name)
  for (let step = 0; step < 14; step++) await joined.pass(second)
  expect([end, isLostTo(waiting!)]).toEqual(['gone', true])
  for (let step = 0; step < size / 40; step++) await joined.pass(second)
  expect(isLostTo(idle!)).toBe(true)
  joined.network.goOn(name)
  joined.all.push(hung!)
  await settled()
  for (let step = 0; step < size / 40 + 1; step++) await joined.pass(second)
  expect([isLostTo(waiting!), isLostTo(idle!)]).toEqual([false, false])
})

test('a process that joins a group logs one line for all members', async () => {
  joined = new JoinedProcesses()
  const lines: string[] = []
  const log = pino({}, { write: line => void lines.push(line) })
  const clock = new FakeClock()
  const about = { place: 'web1', version: '1.0.0', settings: {} }
  for (const name of ['pppp0000', 'pppp0001', 'pppp0002'])
    await startNodes({ carriers: [joined.network.start], clock, log: pino({ level: 'silent' }), name, about })
  await startNodes({ carriers: [joined.network.start], clock, log, name: 'pppp0003', about })
  await settled()
  clock.advance(second)
  await settled()
  expect(lines.map(line => JSON.parse(line))).toMatchObject([
    { msg: 'processes have joined', count: 3, versions: ['1.0.0'], others: ['pppp0000', 'pppp0001', 'pppp0002'] },
  ])
})
