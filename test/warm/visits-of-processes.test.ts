import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { CallerGone } from '../../src/lib/caller-gone.js'
import { Problem } from '../../src/lib/errors.js'
import type { Nodes } from '../../src/processes/nodes.js'
import { OwnSessions } from '../../src/session/registry/own-sessions.js'
import { epochOf, sharedSessions } from '../../src/session/registry/shared-sessions.js'
import type { Sessions, Tab } from '../../src/session/session-types.js'
import { createVisits, type Visits } from '../../src/warm/visits.js'
import { BoshBench, type FakeLogin } from '../support/bosh-bench.js'
import { type JoinedProcess, JoinedProcesses, leave, settled } from '../support/joined-processes.js'

const timeout = 30
const tab: Tab = { admin: 'portal', user: 'juliet@chat.example', visit: 'v1', tab: 't1' }
const handover = { seconds: 120, attachBinding: 'off' } as const
const nowhere = { get: () => undefined, list: () => [], ofJid: () => [] }

interface Process {
  readonly name: string
  readonly joined: JoinedProcess
  readonly nodes: Nodes
  readonly bench: BoshBench
  readonly sessions: Sessions
  readonly visits: Visits
}

interface Login {
  readonly by: Process
  succeed(): Promise<void>
  fail(): void
}

let all: JoinedProcesses
/** Logins that are under way. */
let logins: Set<Login>
let released: string[]

beforeEach(() => {
  all = new JoinedProcesses()
  logins = new Set()
  released = []
})
afterEach(() => all.close())

async function start(processName?: string): Promise<Process> {
  const joined = await all.start()
  const { nodes } = joined
  const bench = new BoshBench({}, undefined, { processName: processName ?? nodes.self })
  const epoch = epochOf(bench.clock)
  const own = new OwnSessions(bench.registry, nowhere, epoch)
  const sessions = sharedSessions(own, nodes, bench.clock, epoch)
  const visits = createVisits({ own, nodes, clock: joined.clock, timeout })
  await settled()
  return { name: nodes.self, joined, nodes, bench, sessions, visits }
}

function enter(by: Process, of = tab, signal = new CallerGone()) {
  const { bench, visits, sessions } = by
  return visits.enter(of, signal, {
    resume: async id => (await sessions.resume(id, handover))?.id,
    logIn: caller =>
      new Promise<string>((resolve, reject) => {
        const login: FakeLogin = bench.login(`jid='${of.user}'`, 'chat.example', of)
        const over = () => logins.delete(own)
        const own: Login = {
          by,
          async succeed() {
            over()
            bench.link.open()
            const binding = await login.opening.handOver(`${of.user}/${login.opening.id}`, [], handover)
            if (binding === undefined) reject(new Problem('session-not-found'))
            else resolve(login.opening.id)
          },
          fail() {
            over()
            login.opening.abandon()
            reject(new Problem('not-authorized', { step: 'sasl' }))
          },
        }
        logins.add(own)
        caller.addEventListener('abort', () => {
          over()
          login.opening.abandon()
          reject(caller.reason)
        })
      }),
    endUnclaimed: id => released.push(id),
  })
}

const only = () => {
  expect(logins.size).toBe(1)
  return [...logins][0]!
}

test('simultaneous calls at several processes cause one login, and all get its session', async () => {
  const [one, two, three] = [await start(), await start(), await start()]
  const calls = [one, two, three, two].map(process => enter(process))
  await settled()
  await only().succeed()
  await settled()
  const entered = await Promise.all(calls)
  expect(entered.filter(({ isResumed }) => !isResumed)).toHaveLength(1)
  expect(new Set(entered.map(({ result }) => result)).size).toBe(1)
  expect(logins.size).toBe(0)
})

test('a call that begins while another call queries other processes waits for that call', async () => {
  const [one, two, three] = [await start(), await start(), await start()]
  // The numbers of the first process are now higher.
  for (const name of ['a', 'b', 'c']) {
    const call = enter(one, { ...tab, tab: name })
    await settled()
    await only().succeed()
    await call
  }
  all.network.stop(three.name)
  const first = enter(one)
  await settled()
  const second = enter(two)
  await settled()
  expect(logins.size).toBe(0)
  all.network.goOn(three.name)
  await settled()
  const login = only()
  expect(login.by).toBe(one)
  await login.succeed()
  const { result } = await first
  expect(await second).toEqual({ result, isResumed: true })
})

test('a call at another process gets the session, wherever the session is', async () => {
  const [one, two, three] = [await start(), await start(), await start()]
  const first = enter(one)
  await settled()
  await only().succeed()
  const { result } = await first
  for (const process of [two, three, one]) expect(await enter(process)).toEqual({ result, isResumed: true })
  for (const other of [{ admin: 'other' }, { user: 'romeo@chat.example' }, { visit: 'v2' }, { tab: '' }]) {
    const call = enter(two, { ...tab, ...other })
    await settled()
    await only().succeed()
    expect((await call).isResumed).toBe(false)
  }
})

test('if a login fails, the call that waits at another process logs in', async () => {
  const [one, two] = [await start(), await start()]
  const calls = [enter(one), enter(two)]
  const settledCalls = Promise.allSettled(calls)
  await settled()
  only().fail()
  await settled()
  await only().succeed()
  await settled()
  expect((await settledCalls).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('if the process that logs in leaves, another process logs in', async () => {
  const [one, two] = [await start(), await start()]
  const lost = enter(one)
  lost.catch(() => {})
  await settled()
  const waits = enter(two)
  await settled()
  const login = only()
  expect(login.by).toBe(one)
  logins.delete(login)
  all.kill(one.joined)
  await settled()
  await only().succeed()
  expect(await waits).toMatchObject({ isResumed: false })
})

test('a process that does not answer delays a login by a second', async () => {
  const [one, two] = [await start(), await start()]
  all.network.stop(two.name)
  const call = enter(one)
  await settled()
  expect(logins.size).toBe(0)
  await all.pass(1_000)
  await only().succeed()
  expect((await call).isResumed).toBe(false)
})

test('a call waits at most for the time limit of a login', async () => {
  const [one, two] = [await start(), await start()]
  void enter(one).catch(() => {})
  await settled()
  const late = enter(two)
  late.catch(() => {})
  for (let second = 0; second < timeout + 2; second++) await all.pass(1_000)
  await expect(late).rejects.toMatchObject({ code: 'timeout' })
  only().fail()
})

test('a call waits for sessions that move to an heir', async () => {
  const [one, old] = [await start(), await start()]
  const heir = await start(old.name)
  const login = heir.bench.login(`jid='${tab.user}'`, 'chat.example', tab)
  await leave(old.nodes)
  await settled()
  const call = enter(one)
  await all.pass(3_000)
  expect(logins.size).toBe(0)
  heir.bench.link.open()
  await heir.bench.handOver(login)
  heir.nodes.adopt(old.nodes.names)
  expect(await call).toEqual({ result: login.opening.id, isResumed: true })
})

describe('the end of a visit', () => {
  test('ends its sessions, logins and waiting calls at all processes', async () => {
    const [one, two, three] = [await start(), await start(), await start()]
    const first = enter(one)
    await settled()
    await only().succeed()
    await first
    const other = enter(two, { ...tab, admin: 'other' })
    await settled()
    await only().succeed()
    await other
    const calls = [enter(two, { ...tab, tab: 't2' }), enter(three, { ...tab, tab: 't2' })]
    const settledCalls = Promise.allSettled(calls)
    await settled()
    expect(logins.size).toBe(1)
    expect(await three.visits.end(tab, ['*'])).toEqual({ ended: 2, elsewhere: 0, unanswered: undefined })
    await settled()
    const problem = { code: 'session-not-found', detail: 'The visit was ended during this call.' }
    expect(await settledCalls).toMatchObject([{ reason: problem }, { reason: problem }])
    expect([one, two, three].map(({ bench }) => bench.registry.size)).toEqual([0, 1, 0])
    expect(await one.visits.end({ ...tab, admin: 'other' }, ['other.example'])).toMatchObject({ ended: 0 })
  })

  test('names the processes that do not answer', async () => {
    const [one, two] = [await start(), await start()]
    all.network.stop(two.name)
    const ended = one.visits.end(tab, ['*'])
    await all.pass(1_000)
    expect(await ended).toEqual({ ended: 0, elsewhere: 0, unanswered: [two.name] })
  })
})

type Step =
  | { readonly act: 'enter'; readonly process: number; readonly tab: number }
  | { readonly act: 'succeed' | 'fail'; readonly which: number }
  | { readonly act: 'end' | 'turn'; readonly process: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ act: fc.constant('enter' as const), process: fc.nat(2), tab: fc.nat(1) }),
  fc.record({ act: fc.constantFrom('succeed' as const, 'fail' as const), which: fc.nat(9) }),
  fc.record({ act: fc.constantFrom('turn' as const, 'turn' as const, 'end' as const), process: fc.nat(2) }),
)

test('in any order of events, a tab never has two logins or sessions, and every call is answered', async () => {
  const processes = [await start(), await start(), await start()]
  const tabs = [tab, { ...tab, tab: 't2' }]
  const sessionsOf = (of: Tab) =>
    processes.flatMap(({ bench }) => [...bench.registry.all()]).filter(session => session.tab?.tab === of.tab)
  const check = () => {
    for (const of of tabs) expect(sessionsOf(of).length).toBeLessThanOrEqual(1)
  }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      const calls: Promise<unknown>[] = []
      for (const step of steps) {
        if (step.act === 'enter') calls.push(enter(processes[step.process]!, tabs[step.tab]).catch(() => {}))
        else if ('process' in step) {
          if (step.act === 'turn') await settled(step.process + 1)
          else calls.push(processes[step.process]!.visits.end(tab, ['*']))
        } else {
          const login = [...logins][step.which % Math.max(1, logins.size)]
          if (step.act === 'succeed') await login?.succeed()
          else login?.fail()
        }
        check()
      }
      for (let turn = 0; turn < 200; turn++) {
        await settled(5)
        check()
        for (const login of logins) await login.succeed()
      }
      await Promise.all(calls)
      await processes[0]!.visits.end(tab, ['*'])
      expect(processes.map(({ bench }) => bench.registry.size)).toEqual([0, 0, 0])
    }),
    { numRuns: 40 },
  )
})
