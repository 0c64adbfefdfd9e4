import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Nodes } from '../../../src/processes/nodes.js'
import { OwnSessions } from '../../../src/session/registry/own-sessions.js'
import { epochOf, sharedSessions } from '../../../src/session/registry/shared-sessions.js'
import type { Place, Sessions, SessionView } from '../../../src/session/session-types.js'
import { BoshBench } from '../../support/bosh-bench.js'
import { JoinedProcesses, leave, settled } from '../../support/joined-processes.js'

const juliet = 'juliet@chat.example'
const handover = { seconds: 30, attachBinding: 'off' } as const
const all = { scope: ['*'], limit: 100, after: undefined }

interface Process {
  readonly name: string
  readonly nodes: Nodes
  readonly bench: BoshBench
  readonly sessions: Sessions
  readonly epoch: number
  /** Sessions at remote endpoints. */
  readonly listed: SessionView[]
}

let joined: JoinedProcesses
let processes: Process[]

beforeEach(() => {
  joined = new JoinedProcesses()
  processes = []
})
afterEach(() => joined.close())

/** `processName`: the name in the ids of its sessions. */
async function start(ahead = 0, epoch?: number, processName?: string): Promise<Process> {
  const { nodes } = await joined.start(undefined, ahead)
  const bench = new BoshBench({}, undefined, { processName: processName ?? nodes.self })
  bench.clock.advance(ahead)
  const listed: SessionView[] = []
  const elsewhere = {
    get: (id: string) => listed.find(view => view.id === id),
    list: () => listed,
    ofJid: (jid: string) => listed.filter(view => view.jid?.startsWith(jid)),
  }
  const since = epoch ?? epochOf(bench.clock)
  const own = new OwnSessions(bench.registry, elsewhere, since)
  const sessions = sharedSessions(own, nodes, bench.clock, since)
  const process = { name: nodes.self, nodes, bench, sessions, epoch: since, listed }
  processes.push(process)
  await settled()
  return process
}

const pass = async (seconds: number) => {
  for (const { bench } of processes) await bench.pass(seconds)
}

/** Waits for an answer. Processes that do not answer within this second are late. */
async function late<T>(answer: Promise<T>): Promise<T> {
  answer.catch(() => {})
  await joined.pass(1_000)
  return answer
}

describe('a session of another process', () => {
  test('is shown, resumed and ended by any process', async () => {
    const [one, two] = [await start(), await start(5_000_000)]
    const { id } = await two.bench.warmed({ jid: `${juliet}/balcony` })
    await pass(7)
    const view = await one.sessions.get(id)
    expect(view).toMatchObject({ id, jid: `${juliet}/balcony`, state: 'waiting', origin: 'warmed' })
    expect(one.bench.clock.now() - view!.createdAt).toBe(7_000)
    expect(view!.history).toEqual([
      { event: 'opened', at: view!.createdAt },
      { event: 'logged-in', at: view!.createdAt },
    ])
    expect(one.bench.clock.now() - view!.quietSince!).toBe(7_000)
    expect(view!.endsAt! - view!.quietSince!).toBe(
      two.bench.registry.byId(id)!.deadline - two.bench.clock.now() + 7_000,
    )
    const resumed = await one.sessions.resume(id, handover)
    expect(resumed).toMatchObject({ id, jid: `${juliet}/balcony`, delivered: 0 })
    expect(resumed!.sid).toBe(two.bench.registry.byId(id)!.sid)
    expect(await one.sessions.end(id)).toBe(true)
    expect(two.bench.registry.size).toBe(0)
    expect(await one.sessions.end(id)).toBe(false)
    expect(await one.sessions.get(id)).toBeUndefined()
    expect(await one.sessions.resume(id, handover)).toBeUndefined()
  })

  test('at a remote endpoint is found too', async () => {
    const [one, two] = [await start(), await start()]
    const id = `${two.name}-${'0'.repeat(32)}`
    two.listed.push(viewOf(id, 0))
    expect(await one.sessions.get(id)).toMatchObject({ id, state: 'elsewhere' })
    expect(await one.sessions.end(id)).toBe(false)
  })

  test('is unknown if its process has left, or never existed', async () => {
    const [one, two] = [await start(), await start()]
    const { id } = await two.bench.warmed()
    joined.kill(joined.all[1]!)
    const asked = [one.sessions.get(id), one.sessions.resume(id, handover), one.sessions.end(id)]
    expect(await Promise.all(asked)).toEqual([undefined, undefined, false])
    for (const name of ['nosuch00', 'a.*.>', '__proto'])
      expect(await one.sessions.get(`${name}-${'0'.repeat(32)}`)).toBeUndefined()
  })

  test('gets session-unreachable if its process does not answer within a second', async () => {
    const [one, two] = [await start(), await start()]
    const { id } = await two.bench.warmed()
    joined.network.stop(two.name)
    const problem = {
      code: 'session-unreachable',
      status: 503,
      detail: `The process ${two.name} did not answer.`,
    }
    for (const ask of [
      () => one.sessions.get(id),
      () => one.sessions.resume(id, handover),
      () => one.sessions.end(id),
    ] as (() => Promise<unknown>)[])
      await expect(late(ask())).rejects.toMatchObject(problem)
  })

  test('is lost, but cannot be ended, if its process is silent for longer', async () => {
    const [one, two] = [await start(), await start()]
    const { id } = await two.bench.warmed()
    expect(one.sessions.isLost(id)).toBe(false)
    // Nothing that is sent to it arrives.
    joined.network.stop(one.name)
    for (let second = 0; second < 15; second++) await joined.pass(1_000)
    expect([await one.sessions.get(id), await one.sessions.resume(id, handover)]).toEqual([undefined, undefined])
    expect(one.sessions.isLost(id)).toBe(true)
    await expect(one.sessions.end(id)).rejects.toMatchObject({ code: 'session-unreachable', status: 503 })
  })
})

describe('a session of a stopping process', () => {
  /** The second process can hand over to the third. */
  async function startAll() {
    const [one, old] = [await start(), await start()]
    const heir = await start(0, undefined, old.name)
    const warmed = async () => (await heir.bench.warmed({ jid: `${juliet}/balcony` })).id
    return { one, old, heir, ids: [await warmed(), await warmed(), await warmed()] as const }
  }

  const askAll = ({ sessions }: Process, [a, b, c]: readonly [string, string, string]) => {
    const ended: string[] = []
    const note = (name: string) => () => void ended.push(name)
    const view = sessions.get(a)
    const resumed = sessions.resume(b, handover)
    const isEnded = sessions.end(c)
    view.then(note('get'), note('get failed'))
    resumed.then(note('resume'), note('resume failed'))
    isEnded.then(note('end'), note('end failed'))
    return { ended, all: Promise.all([view, resumed, isEnded]) }
  }
  const isDone = (ids: readonly string[]) => [{ id: ids[0] }, { id: ids[1] }, true]

  test('is waited for, and shown, resumed and ended at the heir', async () => {
    const { one, old, heir, ids } = await startAll()
    await leave(old.nodes)
    await settled()
    const asked = askAll(one, ids)
    await joined.pass(3_000)
    expect(asked.ended).toEqual([])
    const { unanswered } = await one.sessions.page(all)
    expect(unanswered).toEqual([old.name])
    heir.nodes.adopt(old.nodes.names)
    expect(await asked.all).toMatchObject(isDone(ids))
    expect((await one.sessions.page(all)).unanswered).toBeUndefined()
    expect(await askAll(heir, [ids[0], ids[1], ids[0]]).all).toMatchObject(isDone(ids))
  })

  test('is unknown if no heir comes within ten seconds', async () => {
    const { one, old, ids } = await startAll()
    await leave(old.nodes)
    await settled()
    const asked = askAll(one, ids)
    await joined.pass(9_000)
    expect(asked.ended).toEqual([])
    await joined.pass(1_500)
    expect(await asked.all).toEqual([undefined, undefined, false])
  })

  test('is searched at the heir if its process no longer has it', async () => {
    const { one, old, heir, ids } = await startAll()
    const asked = askAll(one, ids)
    old.nodes.leave()
    await settled()
    const here = old.sessions.get(ids[0])
    await settled()
    expect(asked.ended).toEqual([])
    heir.nodes.adopt([old.name])
    expect(await asked.all).toMatchObject(isDone(ids))
    expect(await here).toMatchObject({ id: ids[0] })
  })

  test('that moves during a call is shown and ended at the heir', async () => {
    const { one, old, heir, ids } = await startAll()
    joined.network.stop(old.name)
    const asked = askAll(one, ids)
    asked.all.catch(() => {})
    await settled()
    old.nodes.leave()
    await settled()
    joined.kill(joined.all[1]!)
    await settled()
    expect(asked.ended).toEqual(['resume failed'])
    await expect(asked.all).rejects.toMatchObject({ code: 'session-unreachable' })
    heir.nodes.adopt([old.name])
    await settled()
    expect(asked.ended.slice(1).sort()).toEqual(['end', 'get'])
    expect(heir.bench.registry.byId(ids[2])).toBeUndefined()
  })

  test('that its process may have ended before it was lost counts as ended', async () => {
    const { one, old, heir, ids } = await startAll()
    heir.bench.registry.byId(ids[2])!.end('logout', 'silent')
    joined.network.stop(old.name)
    const ended = one.sessions.end(ids[2])
    await settled()
    old.nodes.leave()
    await settled()
    joined.kill(joined.all[1]!)
    await settled()
    heir.nodes.adopt([old.name])
    expect(await ended).toBe(true)
    expect(await one.sessions.end(ids[2])).toBe(false)
  })
})

describe('all sessions of all processes', () => {
  test('are listed, counted and ended together', async () => {
    const [one, two, three] = [await start(), await start(9_000), await start(1_000_000)]
    const ids: string[] = []
    for (const { bench } of [two, one, three, one]) {
      ids.push((await bench.warmed({ jid: `${juliet}/${ids.length}` })).id)
      await pass(1)
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    const { id: romeos } = await two.bench.warmed({ jid: 'romeo@chat.example/x' })
    const page = await three.sessions.page(all)
    expect(page.sessions.map(({ id }) => id).sort()).toEqual([...ids, romeos].sort())
    expect([page.total, page.next, page.unanswered]).toEqual([5, undefined, undefined])
    expect((await two.sessions.states(['*'])).states).toEqual(new Map([['waiting', 5]]))
    expect((await two.sessions.states(['other.example'])).states).toEqual(new Map())
    const some = await one.sessions.page({ ...all, jid: juliet, limit: 3 })
    expect([some.sessions.length, some.total]).toEqual([3, 4])
    expect(await one.sessions.endAll(juliet)).toEqual({ ended: 4, elsewhere: 0, unanswered: undefined })
    expect((await one.sessions.page(all)).sessions.map(({ id }) => id)).toEqual([romeos])
  })

  test('are ended with the user’s logins at all processes', async () => {
    const [one, two] = [await start(), await start()]
    const login = two.bench.login(`jid='${juliet}/balcony'`)
    expect(await one.sessions.endAll(juliet)).toEqual({ ended: 1, elsewhere: 0, unanswered: undefined })
    expect(login.end?.failure.code).toBe('session-not-found')
  })

  test('are listed with the names of processes that do not answer within a second', async () => {
    const [one, two, three] = [await start(), await start(), await start()]
    for (const { bench } of [one, two, three]) await bench.warmed({ jid: `${juliet}/x` })
    joined.network.stop(two.name)
    const page = await late(one.sessions.page(all))
    expect([page.sessions.length, page.total, page.unanswered]).toEqual([2, 2, [two.name]])
    expect(await late(one.sessions.states(['*']))).toEqual({
      states: new Map([['waiting', 2]]),
      unanswered: [two.name],
    })
    const ended = await late(three.sessions.endAll(juliet))
    expect(ended).toEqual({ ended: 2, elsewhere: 0, unanswered: [two.name] })
    joined.network.goOn(two.name)
    joined.kill(joined.all[1]!)
    await settled()
    expect((await one.sessions.page(all)).unanswered).toBeUndefined()
  })

  test('can be listed for one process, which each session names', async () => {
    const [one, two] = [await start(), await start()]
    const { id: first } = await one.bench.warmed()
    const { id: second } = await two.bench.warmed()
    expect([...one.sessions.processes]).toEqual([one.name, two.name].sort())
    for (const { sessions } of [one, two]) {
      const listed = (await sessions.page(all)).sessions.map(({ id, process }) => [id, process])
      expect(listed.sort()).toEqual(
        [
          [first, one.name],
          [second, two.name],
        ].sort(),
      )
      const ofTwo = await sessions.page({ ...all, process: two.name })
      expect([ofTwo.sessions.map(({ id }) => id), ofTwo.total]).toEqual([[second], 1])
      expect((await sessions.page({ ...all, process: 'nobody00' })).total).toBe(0)
    }
    joined.network.stop(two.name)
    expect((await late(one.sessions.page({ ...all, process: one.name }))).unanswered).toBeUndefined()
    expect((await late(one.sessions.page({ ...all, process: two.name }))).unanswered).toEqual([two.name])
  })

  test.each(['opened', 'jid', 'state', 'quiet'] as const)(
    'have the same numbered pages, sorted by %s, at each process',
    async by => {
      const [one, two] = [await start(), await start(3_000_000)]
      for (let count = 0; count < 40; count++) {
        const { listed, name, bench } = count % 3 === 0 ? one : two
        const view = viewOf(`${name}-${String(count).padStart(32, '0')}`, bench.clock.now() + count)
        listed.push({ ...view, jid: `user${(count * 7) % 40}@chat.example/x`, quietSince: bench.clock.now() - count })
      }
      const order = { by, isReversed: true }
      const whole = (await one.sessions.page({ ...all, order })).sessions.map(({ id }) => id)
      expect(new Set(whole).size).toBe(40)
      for (const { sessions } of [one, two]) {
        const pages = [0, 1, 2, 3, 4].map(page => sessions.page({ ...all, order, limit: 9, skip: page * 9 }))
        const parts = await Promise.all(pages)
        expect(parts.map(({ total }) => total)).toEqual([40, 40, 40, 40, 40])
        expect(parts.flatMap(part => part.sessions.map(({ id }) => id))).toEqual(whole)
      }
    },
  )

  test('are sent between processes only as far as a page needs them', async () => {
    const [one, two] = [await start(), await start()]
    for (let count = 0; count < 500; count++)
      two.listed.push(viewOf(`${two.name}-${String(count).padStart(32, '0')}`, count))
    let carried = 0
    const { ask } = joined.all[0]!.nodes
    joined.all[0]!.nodes.ask = async (...about) => {
      const answer = await ask(...about)
      carried += (answer as { sessions: unknown[] }).sessions.length
      return answer
    }
    const page = await one.sessions.page({ ...all, limit: 10 })
    expect([page.sessions.length, page.total, carried]).toEqual([10, 500, 10])
  })
})

function viewOf(id: string, createdAt: number): SessionView {
  return {
    ...{ id, jid: `${juliet}/x`, domain: 'chat.example', origin: 'warmed', state: 'elsewhere' },
    ...{ transport: 'bosh', createdAt, quietSince: undefined },
  }
}

test('the pages have each session exactly once, in order, while others begin and end', async () => {
  const epochs = [1_700_000_000_000, 1_700_000_000_000.5, 1_699_999_999_000]
  for (const epoch of epochs) await start(0, epoch)
  const idOf = (process: number, number: number) =>
    `${processes[process]!.name}-${number.toString(16).padStart(32, '0')}`
  const aSession = fc.record({ process: fc.nat(2), createdAt: fc.nat(40) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(aSession, { maxLength: 40 }),
      fc.array(fc.record({ asked: fc.nat(2), gone: fc.nat(39), come: aSession }), {
        minLength: 50,
        maxLength: 50,
      }),
      fc.integer({ min: 1, max: 7 }),
      async (made, steps, limit) => {
        const views = made.map(({ process, createdAt }, number) => ({
          process,
          view: viewOf(idOf(process, number), createdAt),
        }))
        for (const { listed } of processes) listed.length = 0
        for (const { process, view } of views) processes[process]!.listed.push(view)
        const gone = new Set<string>()
        const seen: Place[] = []
        let after: Place | undefined
        for (const [turn, { asked, gone: which, come }] of steps.entries()) {
          const { sessions, next } = await processes[asked]!.sessions.page({ ...all, limit, after })
          expect(sessions.length).toBeLessThanOrEqual(limit)
          for (const { id } of sessions) {
            const process = processes.findIndex(({ name }) => id.startsWith(name))
            const { createdAt } = processes[process]!.listed.find(view => view.id === id)!
            seen.push({ createdAt: createdAt + epochs[process]!, id })
          }
          after = next
          if (after === undefined) break
          const leaving = views[which]
          if (leaving !== undefined) {
            gone.add(leaving.view.id)
            const { listed } = processes[leaving.process]!
            const at = listed.indexOf(leaving.view)
            if (at !== -1) listed.splice(at, 1)
          }
          processes[come.process]!.listed.push(viewOf(idOf(come.process, 1_000 + turn), come.createdAt))
        }
        expect(after).toBeUndefined()
        const ids = seen.map(({ id }) => id)
        expect(new Set(ids).size).toBe(ids.length)
        const sorted = [...seen].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
        expect(seen).toEqual(sorted)
        for (const { view } of views) if (!gone.has(view.id)) expect(ids).toContain(view.id)
      },
    ),
    { numRuns: 60 },
  )
})
