import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { CallerGone } from '../../../src/lib/caller-gone.js'
import { Problem } from '../../../src/lib/errors.js'
import { scramProof } from '../../../src/servers/login/sasl/scram-proof.js'
import { type CarriedLogins, createCarriedLogins } from '../../../src/warm/warming/carried-logins.js'
import type { Logins, WarmRequest } from '../../../src/warm/warming/session-login.js'
import { type JoinedProcess, JoinedProcesses, processName, settled } from '../../support/joined-processes.js'

interface Stage extends JoinedProcess {
  readonly carried: CarriedLogins
  readonly logins: Logins
  /** Calls of this process: `login alice`, `credentials alice`, `release ID`. */
  readonly done: string[]
  /** Credentials of the last login in this process. */
  last?: WarmRequest['credentials']
  isDraining: boolean
  isFull: boolean
  lacksPorts: boolean
}

const request = {
  jid: { local: 'alice', domain: 'localhost', resource: undefined },
  credentials: { kind: 'password', password: 'secret' },
  ...{ wait: 60, hold: 1, ver: '1.6', language: 'en', attachSeconds: 120, attachBinding: 'off' },
} as const satisfies WarmRequest

let processes: JoinedProcesses
let stages: Stage[]

beforeEach(async () => {
  processes = new JoinedProcesses()
  stages = []
  for (let count = 0; count < 3; count++) await start()
  await processes.pass(1_000)
})

afterEach(() => processes.close())

async function start(): Promise<void> {
  const joined = await processes.start()
  const done: string[] = []
  const does = (what: string) => async (asked: WarmRequest) => {
    const { credentials } = asked
    stage.last = credentials
    done.push(
      `${what} ${asked.jid.local}${credentials.kind === 'service' ? ` by ${credentials.account.password}` : ''}`,
    )
    if (stage.isFull) throw new Problem('service-full', { step: 'connect' })
    if (stage.lacksPorts) throw new Problem('local-ports-exhausted', { step: 'connect' })
    if (stage.isDraining) throw new Problem('shutting-down', { step: 'connect' })
    if (asked.jid.local === 'mallory') throw new Problem('not-authorized', { step: 'sasl' })
    return { jid: `${asked.jid.local}@localhost/x`, id: `${joined.nodes.self}-1` } as never
  }
  const carried = createCarriedLogins({
    nodes: joined.nodes,
    clock: joined.clock,
    isDraining: () => stage.isDraining,
    timeout: 15,
    serviceAccounts: () => new Map([['localhost', { user: 'service', password: 'of the operator' }]]),
    endUnclaimed: id => void done.push(`release ${id}`),
  })
  const logins = carried.over('site', {
    login: does('login'),
    keysOf: does('keys'),
  })
  const stage: Stage = { ...joined, carried, logins, done, isDraining: false, isFull: false, lacksPorts: false }
  stages.push(stage)
}

async function drain(stage: Stage): Promise<void> {
  stage.isDraining = true
  stage.nodes.drain()
  await settled()
}

const login = ({ logins }: Stage, local = 'alice') =>
  logins.login({ ...request, jid: { ...request.jid, local } }, new CallerGone())

describe('a login at a full process', () => {
  test('is done by a process with room, and so is a login for a credential', async () => {
    stages[0]!.isFull = true
    stages[1]!.isFull = true
    expect(await login(stages[0]!)).toMatchObject({ id: `${processName(2)}-1` })
    expect(await stages[0]!.logins.keysOf(request, new CallerGone())).toMatchObject({ id: `${processName(2)}-1` })
    expect(stages[2]!.done).toEqual(['login alice', 'keys alice'])
  })

  test('is done by another process if this machine has no free port', async () => {
    stages[0]!.lacksPorts = true
    const { id } = await login(stages[0]!)
    expect([`${processName(1)}-1`, `${processName(2)}-1`]).toContain(id)
  })

  test('is refused if all are full, and full processes are queried once a second', async () => {
    for (const stage of stages) stage.isFull = true
    for (let count = 0; count < 5; count += 1)
      await expect(login(stages[0]!)).rejects.toMatchObject({ code: 'service-full' })
    expect(stages.map(({ done }) => done.length)).toEqual([5, 1, 1])
    stages[1]!.isFull = false
    await processes.pass(1_000)
    expect(await login(stages[0]!)).toMatchObject({ id: `${processName(1)}-1` })
  })

  test('is refused if all others are draining', async () => {
    stages[0]!.isFull = true
    await drain(stages[1]!)
    await drain(stages[2]!)
    await expect(login(stages[0]!)).rejects.toMatchObject({ code: 'service-full' })
    expect(stages.map(({ done }) => done.length)).toEqual([1, 0, 0])
  })

  test('fails with the error of the process with room', async () => {
    stages[0]!.isFull = true
    stages[1]!.isFull = true
    await expect(login(stages[0]!, 'mallory')).rejects.toMatchObject({ code: 'not-authorized' })
  })
})

describe('a login at a draining process', () => {
  test('is done by the called process itself if it does not drain', async () => {
    expect(await login(stages[1]!)).toMatchObject({ id: `${processName(1)}-1` })
    expect(stages.map(({ done }) => done)).toEqual([[], ['login alice'], []])
  })

  test('is done by another process, and so is a login for a credential', async () => {
    await drain(stages[0]!)
    await drain(stages[1]!)
    expect(await login(stages[0]!)).toMatchObject({ id: `${processName(2)}-1` })
    await stages[0]!.logins.keysOf(request, new CallerGone())
    expect(stages.map(({ done }) => done)).toEqual([[], [], ['login alice', 'keys alice']])
  })

  test('with a credential is done with the keys at the other process', async () => {
    await drain(stages[0]!)
    await drain(stages[1]!)
    const proof = scramProof({
      ...{ hash: 'sha1', salt: Buffer.from('salt'), iterations: 4096, user: 'alice', authzid: '' },
      ...{ clientKey: Buffer.from('client key'), serverKey: Buffer.from('server key') },
    })
    const { ask } = stages[0]!.nodes
    stages[0]!.nodes.ask = (node, kind, question, ...more) => {
      expect(question).toMatchObject({ request: { credentials: { proof: { salt: 'c2FsdA==' } } } })
      return ask(node, kind, JSON.parse(JSON.stringify(question)), ...more)
    }
    await stages[0]!.logins.login({ ...request, credentials: { kind: 'keys', proof } }, new CallerGone())
    expect(stages[2]!.last).toEqual({ kind: 'keys', proof })
  })

  test('by a service account is done without sending the secret of the account', async () => {
    await drain(stages[0]!)
    await drain(stages[1]!)
    const asked: unknown[] = []
    const { ask } = stages[0]!.nodes
    stages[0]!.nodes.ask = (...about) => {
      asked.push(about)
      return ask(...about)
    }
    const account = { user: 'service', password: 'of the operator' }
    await stages[0]!.logins.login({ ...request, credentials: { kind: 'service', account } }, new CallerGone())
    expect(stages[2]!.done).toEqual(['login alice by of the operator'])
    expect(JSON.stringify(asked)).not.toContain('of the operator')
  })

  test('fails at another process with the same error', async () => {
    await drain(stages[0]!)
    await expect(login(stages[0]!, 'mallory')).rejects.toMatchObject({ code: 'not-authorized', step: 'sasl' })
  })

  test('that is in progress when the drain begins is repeated at another process', async () => {
    const [stage] = stages as [Stage]
    await drain(stages[2]!)
    const begun = login({
      ...stage,
      logins: stage.carried.over('site', {
        ...stage.logins,
        login: async () => {
          await drain(stage)
          throw new Problem('shutting-down', { step: 'connect' })
        },
      }),
    })
    expect(await begun).toMatchObject({ id: `${processName(1)}-1` })
  })

  test('is done by the next process if the chosen process has left', async () => {
    await drain(stages[0]!)
    // Chooses the first process that accepts logins.
    const choosing = jest.spyOn(Math, 'random').mockReturnValue(0)
    const moved = login(stages[0]!)
    choosing.mockRestore()
    processes.kill(stages[1]!)
    expect(await moved).toMatchObject({ id: `${processName(2)}-1` })
  })

  test('is refused if all processes are draining', async () => {
    await drain(stages[0]!)
    await drain(stages[1]!)
    await drain(stages[2]!)
    await expect(login(stages[0]!)).rejects.toMatchObject({ code: 'shutting-down' })
  })
})

test('a session that no caller has received is ended at its process', async () => {
  stages[0]!.carried.endUnclaimed(`${processName(2)}-1`)
  stages[0]!.carried.endUnclaimed('1')
  await settled()
  expect(stages.map(({ done }) => done)).toEqual([['release 1'], [], [`release ${processName(2)}-1`]])
})
