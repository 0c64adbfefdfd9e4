import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { Problem } from '../../src/lib/errors.js'
import { frameKinds, writeFrame } from '../../src/processes/carriers/frames.js'
import { newNodeName, nodeIn } from '../../src/processes/node-name.js'
import { type Exchange, type ExchangeEvents, NoAnswer, type Nodes } from '../../src/processes/nodes.js'
import { startNodes } from '../../src/processes/start-nodes.js'
import { FakeClock } from '../support/fake-clock.js'
import { MemoryNetwork } from '../support/memory-carrier.js'

const log = pino({ level: 'silent' })
const open: Nodes[] = []
afterEach(() => Promise.all(open.splice(0).map(nodes => nodes.close())))

/** Waits until all data has arrived. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

async function join(...names: string[]) {
  const clock = new FakeClock()
  const network = new MemoryNetwork()
  const start = async (name: string, unmet: readonly string[] = []) => {
    const nodes = await startNodes({ carriers: [network.startBeside(unmet)], clock, log, name })
    open.push(nodes)
    return nodes
  }
  const all: Nodes[] = []
  for (const name of names) all.push(await start(name))
  await settled()
  return { clock, network, start, all }
}

function noting(notes: string[], name = ''): ExchangeEvents {
  return {
    onMessage: ({ head, body }) => notes.push(`${name}${JSON.stringify(head) ?? ''}${body}`),
    onDrain: () => notes.push(`${name}drain`),
    onEnd: how => notes.push(`${name}${how}`),
  }
}

describe('the name of a process', () => {
  test('is the prefix of the ids that it creates', () => {
    const name = newNodeName()
    expect(nodeIn(`${name}-0123`)).toBe(name)
    expect(nodeIn(name)).toBeUndefined()
    expect(nodeIn(`${name}.0123`)).toBeUndefined()
    expect(nodeIn('0123456789abcdef')).toBeUndefined()
    expect(nodeIn('ABCDEFGH-1')).toBeUndefined()
    expect(nodeIn('warm.>*\n-1')).toBeUndefined()
  })
})

describe('an exchange between two processes', () => {
  test('carries messages in both directions, in order, until one side ends it', async () => {
    const { all } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    all[1]!.accept('talk', ({ head, body }, exchange) => {
      notes.push(`met ${JSON.stringify(head)}${body}`)
      exchange.send('one')
      exchange.send('two', 'ä')
      return { ...noting(notes, 'other '), onMessage: () => exchange.end('bye') }
    })
    const exchange = all[0]!.open('bbbbbbbb', 'talk', { a: 1 }, '<x/>', noting(notes))
    exchange.send('more', Buffer.from('!'))
    await settled()
    exchange.send('too late')
    await settled()
    expect(notes).toEqual(['met {"a":1}<x/>', '"one"', '"two"ä', '"bye"', 'done'])
  })

  test('can be cancelled by either side', async () => {
    const { all } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    let met: Exchange | undefined
    all[1]!.accept('talk', (_message, exchange) => {
      met = exchange
      return noting(notes, 'other ')
    })
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes)).cancel()
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    await settled()
    met!.cancel()
    all[0]!.open('bbbbbbbb', 'unheard of', 0, '', noting(notes, 'unmet '))
    await settled()
    expect(notes).toEqual(['other cancelled', 'cancelled', 'unmet cancelled'])
  })

  test('reports a side that sends more than the other reads', async () => {
    const { all } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    let taken = 0
    let met: Exchange | undefined
    all[1]!.accept('talk', (_message, exchange) => {
      met = exchange
      return {
        onMessage({ body }) {
          taken += body.length
        },
        onEnd() {},
      }
    })
    const exchange = all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    for (let sent = 0; sent < 64; sent++) exchange.send(undefined, Buffer.alloc(1024))
    expect(exchange.isBehind).toBe(false)
    exchange.send(undefined, 'x')
    expect(exchange.isBehind).toBe(true)
    await settled()
    expect(notes).toEqual([])
    met!.took(taken)
    await settled()
    expect(notes).toEqual(['drain'])
    expect(exchange.isBehind).toBe(false)
  })

  test('ends at once if the process has left, or never existed', async () => {
    const { all, network } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    all[1]!.accept('talk', () => noting(notes, 'other '))
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    all[0]!.open('cccccccc', 'talk', 0, '', noting(notes, 'unknown '))
    await settled()
    network.kill('bbbbbbbb')
    await settled()
    expect(notes).toEqual(['unknown gone', 'gone'])
    expect(all[0]!.others).toEqual([])
    expect(all[0]!.has('bbbbbbbb')).toBe(false)
  })

  test('breaks on both sides if data may be lost', async () => {
    const { all, network } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    all[1]!.accept('talk', () => noting(notes, 'other '))
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    await settled()
    network.lose('aaaaaaaa', 'bbbbbbbb')
    expect(notes).toEqual(['broken', 'other broken'])
    expect(all[0]!.has('bbbbbbbb')).toBe(true)
  })

  test('a question that fails at the other process is cancelled, and other questions continue', async () => {
    const { all } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    all[1]!.accept('fail', () => {
      throw new Error('unforeseen')
    })
    all[1]!.accept('talk', (_message, exchange) => {
      exchange.end('fine')
      return noting(notes)
    })
    all[0]!.open('bbbbbbbb', 'fail', 0, '', noting(notes, 'failed '))
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    await settled()
    expect(notes).toEqual(['failed cancelled', '"fine"', 'done'])
  })
})

describe('messages of another process', () => {
  const notes: string[] = []
  let met = 0

  async function speaking() {
    const joined = await join('aaaaaaaa', 'bbbbbbbb')
    notes.length = 0
    met = 0
    joined.all[1]!.accept('talk', (_message, exchange) => {
      met += 1
      exchange.end('fine')
      return noting([])
    })
    return joined
  }

  test('with an unknown head do not affect later messages', async () => {
    const { all, network } = await speaking()
    const headless = writeFrame(frameKinds.notice, true, 0)
    const asking = writeFrame(frameKinds.open, true, 9, { kind: 'talk', head: 0 })
    network.say('aaaaaaaa', 'bbbbbbbb', Buffer.concat([headless, asking]))
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    await settled()
    expect(notes).toEqual(['"fine"', 'done'])
    expect(met).toBe(2)
  })

  test('that are no frames break the exchanges of both, and then communication continues', async () => {
    const { all, network } = await speaking()
    all[1]!.accept('wait', () => noting(notes, 'met '))
    all[0]!.open('bbbbbbbb', 'wait', 0, '', noting(notes))
    await settled()
    network.say('aaaaaaaa', 'bbbbbbbb', Buffer.alloc(100, 0xff))
    await settled()
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    await settled()
    expect(notes.toSorted()).toEqual(['"fine"', 'broken', 'done', 'met broken'])
  })

  test('are delivered even if the handler of another fails', async () => {
    const { all, network } = await speaking()
    all[1]!.accept('wait', () => noting([]))
    const failing = () => {
      throw new Error('unforeseen')
    }
    for (const onEnd of [failing, failing]) all[0]!.open('bbbbbbbb', 'wait', 0, '', { onMessage() {}, onEnd })
    all[0]!.open('bbbbbbbb', 'wait', 0, '', noting(notes))
    await settled()
    const reported = jest.spyOn(log, 'error')
    network.kill('bbbbbbbb')
    await settled()
    expect(reported).toHaveBeenCalledTimes(2)
    reported.mockRestore()
    expect(notes).toEqual(['gone'])
    expect([all[0]!.others, all[0]!.exchanges]).toEqual([[], 0])
  })
})

describe('a process that does not send heartbeats', () => {
  test('is silent after three seconds, and has left after ten', async () => {
    const { all, clock, network } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    all[1]!.accept('talk', () => noting(notes, 'other '))
    all[0]!.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    await settled()
    network.stop('aaaaaaaa')
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        clock.advance(1_000)
        await settled()
      }
    }
    await pass(2)
    expect(all[0]!.others).toMatchObject([{ name: 'bbbbbbbb', isSilent: false }])
    await pass(2)
    expect(all[0]!.others).toMatchObject([{ name: 'bbbbbbbb', isSilent: true }])
    expect(notes).toEqual([])
    await pass(7)
    expect(all[0]!.others).toEqual([])
    // The other process also ends its exchanges.
    expect(notes).toEqual(['gone', 'other broken'])
    network.goOn('aaaaaaaa')
    expect(all[0]!.others).toMatchObject([{ name: 'bbbbbbbb', isSilent: false }])
  })

  test('does not count as silent if this process itself hung', async () => {
    const { all, clock } = await join('aaaaaaaa', 'bbbbbbbb')
    // The timers of both processes fire late.
    const before = clock.now.bind(clock)
    let ahead = 0
    clock.now = () => before() + ahead
    ahead = 30_000
    clock.advance(1_000)
    expect(all[0]!.others).toMatchObject([{ name: 'bbbbbbbb', isSilent: false }])
  })
})

test('if one carrier cannot start, the others are closed', async () => {
  const { network, all } = await join('aaaaaaaa')
  const refused = startNodes({
    ...{ clock: new FakeClock(), log, name: 'bbbbbbbb' },
    carriers: [network.start, () => Promise.reject(new Error('refused'))],
  })
  await expect(refused).rejects.toThrow('refused')
  await settled()
  expect(all[0]!.others).toEqual([])
})

describe('a process that starts while another hangs', () => {
  test('counts the other as running as long as all others do', async () => {
    const { all, clock, network, start } = await join('aaaaaaaa', 'bbbbbbbb')
    all[1]!.accept('talk', (_message, exchange) => {
      exchange.end('here')
      return { onMessage() {}, onEnd() {} }
    })
    // Data from this process is lost, and data for it waits.
    network.stop('bbbbbbbb')
    const late = await start('cccccccc', ['bbbbbbbb'])
    await settled()
    const notes: string[] = []
    clock.advance(1_000)
    await settled()
    late.open('bbbbbbbb', 'talk', 0, '', noting(notes))
    late.open('dddddddd', 'talk', 0, '', noting(notes, 'unknown '))
    await settled()
    expect(notes).toEqual(['broken', 'unknown gone'])
    expect(late.has('bbbbbbbb')).toBe(true)
    expect([...all, late].map(nodes => nodes.has(nodes.self))).toEqual([false, false, false])
    network.kill('bbbbbbbb')
    for (let second = 0; second < 4; second++) {
      clock.advance(1_000)
      await settled()
    }
    expect(late.has('bbbbbbbb')).toBe(false)
  })
})

describe('changes of the group', () => {
  test('are reported: processes that join, leave, and stop accepting sessions', async () => {
    const { all, start, network } = await join('aaaaaaaa', 'bbbbbbbb')
    const notes: string[] = []
    all[0]!.onChange(() =>
      notes.push(all[0]!.others.map(({ name, isDraining }) => name[0] + (isDraining ? '!' : '')).join(' ')),
    )
    await start('cccccccc')
    await settled()
    all[1]!.drain()
    await settled()
    network.kill('cccccccc')
    await settled()
    expect(notes).toEqual(['b c', 'b! c', 'b!'])
  })

  test('from before a listener was added are reported to it', async () => {
    const { all, start } = await join('aaaaaaaa')
    all[0]!.drain()
    const late = await start('bbbbbbbb')
    await settled()
    expect(late.others).toMatchObject([{ name: 'aaaaaaaa', isDraining: true }])
  })
})

describe('a question to another process', () => {
  test('gets an answer, a problem, or no answer', async () => {
    const { all, clock, network } = await join('aaaaaaaa', 'bbbbbbbb')
    const [one, two] = all as [Nodes, Nodes]
    two.answer('double', (n: number, from: string) => ({ twice: 2 * n, from }))
    two.answer('refuse', () => {
      throw new Problem('too-many-requests', { retryAfterSeconds: 3, detail: 'later' })
    })
    two.answer('fail', () => {
      throw new Error('a secret')
    })
    two.answer('never', () => new Promise(() => {}))
    await expect(one.ask('bbbbbbbb', 'double', 4)).resolves.toEqual({ twice: 8, from: 'aaaaaaaa' })
    await expect(one.ask('bbbbbbbb', 'refuse', 0)).rejects.toMatchObject({
      name: 'Problem',
      code: 'too-many-requests',
      status: 429,
      retryAfterSeconds: 3,
      detail: 'later',
    })
    await expect(one.ask('bbbbbbbb', 'fail', 0)).rejects.toEqual(new NoAnswer('bbbbbbbb', 'broken'))
    const late = one.ask('bbbbbbbb', 'never', 0)
    await settled()
    clock.advance(1_000)
    await expect(late).rejects.toMatchObject({ node: 'bbbbbbbb', reason: 'late' })
    const lost = one.ask('bbbbbbbb', 'never', 0)
    await settled()
    network.kill('bbbbbbbb')
    await expect(lost).rejects.toMatchObject({ reason: 'gone' })
    await expect(one.ask('bbbbbbbb', 'double', 1)).rejects.toMatchObject({ reason: 'gone' })
  })
})
