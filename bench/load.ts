import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpLane } from './http-lane.js'
import { Opener, openAll, openBosh, openSockets, usuallyAtOnce } from './sessions.js'
import { BoshTalk, bodyHead, holdEach, PostPairs, type Talk, WebSocketTalk } from './talks.js'
import { Tally } from './tally.js'
import type { Figures, Outcome, Target, Work } from './work.js'

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

process.on('message', async (work: Work | 'go') => {
  if (work === 'go') return
  const outcome: Outcome = await parts[work.part](work).then(
    figures => ({ figures }),
    (error: Error) => ({ failure: error.message }),
  )
  process.send?.(outcome)
})
process.on('disconnect', () => process.exit())

async function countWarms(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  for (let done = 0; done < work.amount; done += batchSize) {
    const users = names(work, Math.min(batchSize, work.amount - done), done)
    const shares = sharesOf(work.target, users)
    const atOnce = (work.atOnce ?? usuallyAtOnce) / shares.length
    let ends: (() => Promise<void>)[] = []
    await tally.during(async () => {
      const opening = shares.map(([target, some]) => openAll(target, some, tally.add, atOnce))
      ends = await Promise.all(opening)
    })
    await Promise.all(ends.map(end => end()))
  }
  return tally.figures()
}

async function countRoundTrips(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  let isCounting = false
  const { failure, fail } = failing()
  const arrived = (milliseconds: number) => {
    if (isCounting) tally.add(milliseconds)
  }
  const talks = await openTalks(work, arrived, fail)
  await sleep(settleMilliseconds)
  for (const talk of talks) talk.sendNext()
  await Promise.race([sleep(settleMilliseconds), failure])
  isCounting = true
  await tally.during(() => Promise.race([sleep(work.amount * 1000), failure]))
  isCounting = false
  await Promise.race([Promise.all(talks.map(talk => talk.end())), failure])
  return tally.figures()
}

async function openTalks(
  work: Work,
  arrived: (milliseconds: number) => void,
  failed: (error: Error) => void,
): Promise<Talk[]> {
  const { target, pollFirst = false } = work
  const { kind, port } = target
  const users = names(work, work.users)
  if (target.over === 'websocket') {
    const sessions = await openSockets(target, users, failed)
    return sessions.map(session => new WebSocketTalk(session, arrived))
  }
  if (kind === 'floor' || kind === 'relay')
    return users.map((_, index) => {
      const ofKind = kind === 'floor' ? { path: '/', bodies: ['', ''] } : { path: `/relay/${index}`, bodies: relayed }
      return new PostPairs({ port, arrived, failed, ...(ofKind as { path: string; bodies: typeof relayed }) })
    })
  const sessions = await openBosh(target, users)
  return sessions.map(each => new BoshTalk(each, { port, pollFirst, arrived, failed }))
}

function sharesOf(target: Target, users: readonly string[]): (readonly [Target, readonly string[]])[] {
  const { apart = [target.port] } = target
  return apart.map((port, place) => [{ ...target, port }, users.filter((_, index) => index % apart.length === place)])
}

async function warmEvenly(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  const { failure, fail } = failing()
  const opener = new Opener(work.target)
  const ends: (() => Promise<void>)[] = []
  const warm = async (user: string) => {
    const start = performance.now()
    ends.push(await opener.open(user))
    tally.add(performance.now() - start)
  }
  const milliseconds = 1000 / work.warmsPerSecond!
  const users = names(work, Math.round((work.amount * 1000) / milliseconds))
  await tally.during(async () => {
    const start = performance.now()
    const warming: Promise<void>[] = []
    for (const [index, user] of users.entries()) {
      const wait = start + index * milliseconds - performance.now()
      if (wait > 0) await Promise.race([sleep(wait), failure])
      const begun = warm(user)
      begun.catch(fail)
      warming.push(begun)
    }
    await Promise.race([Promise.all(warming), failure])
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
  const { failure, fail } = failing()
  const spare: HttpLane[] = []
  const sessions = await openBosh(target, names(work, work.users))
  const talks = holdEach(sessions, { port: target.port, spare, arrived: tally.add, failed: fail })
  await sleep(settleMilliseconds)
  await tally.during(() => Promise.race([sendEvenly(talks, work), failure]))
  await Promise.race([Promise.all(talks.map(talk => talk.end())), failure])
  for (const lane of spare) lane.close()
  return tally.figures()
}

const names = ({ prefix = 'user', users }: Work, count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${(from + index) % users}`)

function failing(): { failure: Promise<never>; fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  failure.catch(() => {})
  return { failure, fail }
}
