// Tests that each carrier must pass.
import { afterEach, expect, test } from '@jest/globals'
import type { Carrier, StartCarrier } from '../../src/processes/carriers/carrier.js'
import { newNodeName } from '../../src/processes/node-name.js'
import { eventually } from '../support/eventually.js'

/** A process of a test, with the events of its carrier. */
export class Member {
  readonly name: string
  /** In order: `join NAME`, `break NAME`, `leave NAME`. */
  readonly told: string[] = []
  readonly announced: string[] = []
  /** Data from each process that has left. */
  readonly lastWords = new Map<string, string>()
  readonly #bytes = new Map<string, Buffer[]>()
  carrier!: Carrier

  constructor(name = newNodeName()) {
    this.name = name
  }

  static async start(start: StartCarrier, name?: string): Promise<Member> {
    const member = new Member(name)
    member.carrier = await start(member.name, {
      onJoin: node => member.told.push(`join ${node}`),
      onBytes: (node, bytes) => {
        expect(member.knows(node)).toBe(true)
        member.#bytes.set(node, [...(member.#bytes.get(node) ?? []), Buffer.from(bytes)])
      },
      onAnnouncement: (node, frame) => {
        expect(member.knows(node)).toBe(true)
        member.announced.push(`${node} ${frame}`)
      },
      onBreak: node => {
        member.told.push(`break ${node}`)
        member.#bytes.delete(node)
      },
      onLeave: node => {
        member.told.push(`leave ${node}`)
        member.lastWords.set(node, Buffer.concat(member.#bytes.get(node) ?? []).toString())
      },
    })
    return member
  }

  knows(node: string | Member): boolean {
    const name = typeof node === 'string' ? node : node.name
    return this.told.filter(event => /^(join|leave)/.test(event) && event.endsWith(name)).at(-1) === `join ${name}`
  }

  /** Data since the last break. */
  from(other: Member): Buffer {
    return Buffer.concat(this.#bytes.get(other.name) ?? [])
  }

  count(event: string, other: Member): number {
    return this.told.filter(each => each === `${event} ${other.name}`).length
  }

  send(other: Member, text: string | Buffer): void {
    this.carrier.send(other.name, Buffer.from(text))
  }
}

export function carrierContract(startCarrier: () => StartCarrier): void {
  const members: Member[] = []

  async function start(name?: string): Promise<Member> {
    const member = await Member.start(startCarrier(), name)
    members.push(member)
    return member
  }

  async function meet(count: number): Promise<Member[]> {
    const all = await Promise.all(Array.from({ length: count }, () => start()))
    const beat = setInterval(() => {
      for (const { carrier } of all) carrier.announce(Buffer.from('here'))
    }, 100)
    await eventually('all know each other', () =>
      all.every(one => all.every(other => one === other || one.knows(other))),
    ).finally(() => clearInterval(beat))
    return all
  }

  afterEach(async () => {
    await Promise.all(members.splice(0).map(({ carrier }) => carrier.close()))
  })

  test('processes that start at the same time see each other, each once', async () => {
    const all = await meet(3)
    for (const one of all)
      expect(one.told.toSorted()).toEqual(
        all
          .filter(other => other !== one)
          .map(({ name }) => `join ${name}`)
          .sort(),
      )
  })

  test('many processes that start at once receive all early data, each piece once', async () => {
    const all = await meet(6)
    for (let index = 0; index < 20; index++) {
      for (const one of all)
        for (const other of all) if (one !== other) one.send(other, `${String(index).padStart(2, '0')} `)
    }
    const expected = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(2, '0')} `).join('')
    const pairs = all.flatMap(one => all.filter(other => other !== one).map(other => [one, other] as const))
    await eventually('all has come', () => pairs.every(([one, other]) => one.from(other).length >= 60))
    expect(pairs.map(([one, other]) => one.from(other).toString())).toEqual(pairs.map(() => expected))
  })

  test('a process that starts later sees the others', async () => {
    const [one, other] = (await meet(2)) as [Member, Member]
    one.carrier.announce(Buffer.from('one'))
    other.carrier.announce(Buffer.from('other'))
    const late = await start()
    late.carrier.announce(Buffer.from('late'))
    await eventually('it knows both', () => late.knows(one) && late.knows(other))
    await eventually('both know it', () => one.knows(late) && other.knows(late))
  })

  test('data arrives in order, with other data of the same turn', async () => {
    const [one, other] = (await meet(2)) as [Member, Member]
    let expected = ''
    for (let index = 0; index < 1000; index++) {
      one.send(other, `${index},`)
      expected += `${index},`
      if (index % 37 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await eventually('all has come', () => other.from(one).length >= expected.length)
    expect(other.from(one).toString()).toBe(expected)
    expect(other.told).toEqual([`join ${one.name}`])
  })

  test('5 MiB are sent in one piece, in both directions at once', async () => {
    const [one, other] = (await meet(2)) as [Member, Member]
    const large = Buffer.alloc(5 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz0')
    one.send(other, 'before')
    one.send(other, large)
    other.send(one, large)
    one.send(other, 'behind')
    expect(one.carrier.backlog(other.name)).toBeGreaterThanOrEqual(large.length)
    await eventually('all has come', () => other.from(one).length === large.length + 12)
    await eventually('all has come back', () => one.from(other).length === large.length)
    expect(other.from(one).equals(Buffer.concat([Buffer.from('before'), large, Buffer.from('behind')]))).toBe(true)
    expect(one.from(other).equals(large)).toBe(true)
    await eventually('nothing waits', () => one.carrier.backlog(other.name) === 0)
  })

  test('invalid data breaks the connection for both, and then communication continues', async () => {
    const [one, other] = (await meet(2)) as [Member, Member]
    one.send(other, 'garbage')
    await eventually('it has come', () => other.from(one).length > 0)
    other.carrier.restart(one.name)
    await eventually('both know', () => one.count('break', other) > 0 && other.count('break', one) > 0)
    await eventually('both speak again', () => {
      one.send(other, 'one ')
      other.send(one, 'other ')
      return other.from(one).length > 0 && one.from(other).length > 0
    })
    expect(other.from(one).toString()).toMatch(/^(one )+$/)
    expect(one.from(other).toString()).toMatch(/^(other )+$/)
    expect([one.count('leave', other), other.count('leave', one)]).toEqual([0, 0])
  })

  test('an announcement reaches all others completely', async () => {
    const all = (await meet(3)) as [Member, Member, Member]
    const [one, ...others] = all
    one.carrier.announce(Buffer.from('hear ye'))
    await eventually('both have heard', () =>
      others.every(({ announced }) => announced.includes(`${one.name} hear ye`)),
    )
    expect(one.announced).not.toContain(`${one.name} hear ye`)
  })

  test('data for an unknown process is dropped', async () => {
    const [one, other] = (await meet(2)) as [Member, Member]
    for (const name of ['nobody00', '../../x', '*', '>', 'a.b', '', '__proto__', one.name])
      expect(() => one.carrier.send(name, Buffer.from('lost'))).not.toThrow()
    expect(one.carrier.backlog('nobody00')).toBe(0)
    one.carrier.probe('*')
    one.send(other, 'found')
    await eventually('the rest has come', () => other.from(one).toString() === 'found')
    expect(one.from(one)).toHaveLength(0)
  })

  test('a process that closes has sent everything, and leaves for the others', async () => {
    const all = (await meet(3)) as [Member, Member, Member]
    const [one, other, third] = all
    one.send(other, 'last words')
    await one.carrier.close()
    await eventually('both know', () => !other.knows(one) && !third.knows(one))
    expect(other.lastWords.get(one.name)).toBe('last words')
    const before = one.told.length
    one.send(other, 'too late')
    other.send(one, 'too late')
    other.send(third, 'still here')
    await eventually('the others go on', () => third.from(other).toString() === 'still here')
    expect(one.told).toHaveLength(before)
    expect(other.count('leave', one)).toBe(1)
  })

  test('a carrier can be closed twice', async () => {
    const [one] = (await meet(2)) as [Member, Member]
    await Promise.all([one.carrier.close(), one.carrier.close()])
    await one.carrier.close()
  })
}
