import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpLane } from './http-lane.js'
import { inParallel, Opener, openBosh, openSockets, usuallyAtOnce } from './sessions.js'
import { BoshTalk, bodyHead, holdEach, PostPairs, type Talk, WebSocketTalk } from './talks.js'
import { Tally } from './tally.js'
import type { Figures, Outcome, Work } from './work.js'

const batchSize = 400
const settleMilliseconds = 300
const graceMilliseconds = 10_000

const relayed = [
  `${bodyHead('s'.repeat(32))}123456789012345'/>`,
  `${bodyHead('s'.repeat(32))}123456789012346'><message xmlns='jabber:client' to='user1@localhost/${'r'.repeat(20)}' type='chat'>` +
    '<body>word 1</body></message></body>',
] as const

const parts = {
  warm: countWarms,
  chat: countRoundTrips,
  pace: warmEvenly,
  hold: holdBosh,
  even: talkEvenly,
}

/** The parent stops at the first failure. */
const fail = ({ message }: Error) => void process.send?.({ failure: message } satisfies Outcome)

process.on('message', (work: Work | 'go') => {
  if (work !== 'go') parts[work.part](work).then(figures => process.send?.({ figures } satisfies Outcome), fail)
})
process.on('disconnect', () => process.exit())

async function countWarms(work: Work): Promise<Figures> {
  const { target, amount, atOnce = usuallyAtOnce } = work
  const tally = new Tally(work.pids)
  const openers = (target.apart ?? [target.port]).map(port => new Opener({ ...target, port }))
  for (let done = 0; done < amount; done += batchSize) {
    const users = [...names(work, Math.min(batchSize, amount - done), done).entries()]
    const ends: (() => Promise<void>)[] = []
    await tally.during(() =>
      inParallel(atOnce, users, async ([index, user]) => {
        ends.push(await open(openers[index % openers.length]!, user, tally))
      }),
    )
    await inParallel(usuallyAtOnce, ends, end => end())
  }
  for (const opener of openers) opener.close()
  return tally.figures()
}

async function open(opener: Opener, user: string, tally: Tally): Promise<() => Promise<void>> {
  const start = performance.now()
  const end = await opener.open(user)
  tally.add(performance.now() - start)
  return end
}

async function countRoundTrips(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  let isCounting = false
  const arrived = (milliseconds: number) => {
    if (isCounting) tally.add(milliseconds)
  }
  const talks = await openTalks(work, arrived)
  await sleep(settleMilliseconds)
  for (const talk of talks) talk.sendNext()
  await sleep(settleMilliseconds)
  isCounting = true
  await tally.during(() => sleep(work.amount * 1000))
  isCounting = false
  await Promise.all(talks.map(talk => talk.end()))
  return tally.figures()
}

async function openTalks(work: Work, arrived: (milliseconds: number) => void): Promise<Talk[]> {
  const { target, pollFirst = false } = work
  const { kind, port } = target
  const users = names(work, work.users)
  const about = { port, arrived, failed: fail }
  if (target.over === 'websocket') {
    const sessions = await openSockets(target, users, fail)
    return sessions.map(session => new WebSocketTalk(session, arrived))
  }
  if (kind === 'floor') return users.map(() => new PostPairs({ ...about, path: '/', bodies: ['', ''] }))
  if (kind === 'relay')
    return users.map((_, index) => new PostPairs({ ...about, path: `/relay/${index}`, bodies: relayed }))
  const sessions = await openBosh(target, users)
  return sessions.map(each => new BoshTalk(each, { ...about, pollFirst }))
}

async function warmEvenly(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  const opener = new Opener(work.target)
  const users = names(work, work.amount * work.warmsPerSecond!)
  let ends: (() => Promise<void>)[] = []
  await tally.during(async () => {
    const warming = users.map(async (user, index) => {
      await sleep((1000 * index) / work.warmsPerSecond!)
      return open(opener, user, tally)
    })
    ends = await Promise.all(warming)
  })
  for (const end of ends) await end()
  opener.close()
  return tally.figures()
}

/** Phases: log in, talk, lose all sessions and log in again, leave. The parent's message begins the next phase. */
async function holdBosh(work: Work): Promise<Figures> {
  const { sessions = 0, target } = work
  const tally = new Tally(work.pids)
  const spare: HttpLane[] = []
  const held: BoshTalk[] = []
  let lost = 0
  const failed = ({ message }: Error) => {
    if (++lost <= 3 && !isOver) console.error(`a session is lost: ${message}`)
  }
  const about = { port: target.port, host: target.host, spare, arrived: tally.add, failed }
  const open = async () => {
    while (held.length < sessions) {
      const users = names(work, Math.min(batchSize, sessions - held.length), held.length)
      held.push(...holdEach(await openBosh(target, users), about))
    }
    await reached()
  }
  const reached = async () => {
    process.send?.('ready')
    await once(process, 'message')
  }
  let isOver = false
  await open()
  await tally.during(() => sendEvenly(held, work))
  lost += held.filter(each => each.isWaiting).length
  const figures = { ...tally.figures(), lost }
  isOver = true
  await reached()
  while (held.some(each => !each.isClosed)) await sleep(20)
  held.length = 0
  await open()
  for (const talk of held) talk.close()
  for (const lane of spare) lane.close()
  return figures
}

/** Sends messages of all talks in turn, at one rate, and waits for the last. */
async function sendEvenly(held: readonly BoshTalk[], { secondsPerMessage = 60, amount }: Work): Promise<void> {
  const start = performance.now()
  const last = (amount / secondsPerMessage) * held.length
  for (let sent = 0; sent < last; ) {
    const due = ((performance.now() - start) / 1000 / secondsPerMessage) * held.length
    for (; sent < Math.min(due, last); sent++) {
      const talk = held[sent % held.length]!
      if (!talk.isWaiting && !talk.isClosed) talk.sendNext()
    }
    await sleep(10)
  }
  for (let waited = 0; waited < graceMilliseconds && held.some(each => each.isWaiting); waited += 100) await sleep(100)
}

async function talkEvenly(work: Work): Promise<Figures> {
  const { target } = work
  const tally = new Tally(work.pids)
  const spare: HttpLane[] = []
  const sessions = await openBosh(target, names(work, work.users))
  const talks = holdEach(sessions, { port: target.port, spare, arrived: tally.add, failed: fail })
  await sleep(settleMilliseconds)
  await tally.during(() => sendEvenly(talks, work))
  await Promise.all(talks.map(talk => talk.end()))
  for (const lane of spare) lane.close()
  return tally.figures()
}

const names = ({ prefix = 'user', users }: Work, count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${(from + index) % users}`)
