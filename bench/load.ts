// The load client, a process of its own: takes one round of work at a time from its parent and answers with
// the figures. Ends when the parent does.
import { setTimeout as sleep } from 'node:timers/promises'
import { Chat } from './chat.js'
import { HeldSession } from './held-session.js'
import { PostPairs } from './post-pairs.js'
import { Opener, openAll, openBosh, usuallyAtOnce } from './sessions.js'
import { SocketChat } from './socket-chat.js'
import { openSockets, type SocketSession } from './socket-sessions.js'
import { Tally } from './tally.js'
import type { Lane } from './wire.js'
import type { Figures, Outcome, Target, Work } from './work.js'

/** Most sessions open at a time while warms are counted. */
const batchSize = 400
const settleMilliseconds = 300
/** How many times as long as the time between two messages a session asks for that pauses. */
const pausesFor = 3
/** How long the last messages of held sessions may be on their way. */
const graceMilliseconds = 10_000

const emptyPair = { path: '/', bodies: ['', ''] } as const
/** As long as what a session really sends. */
const relayed = [
  `<body xmlns='http://jabber.org/protocol/httpbind' sid='${'s'.repeat(32)}' rid='123456789012345'/>`,
  `<body xmlns='http://jabber.org/protocol/httpbind' sid='${'s'.repeat(32)}' rid='123456789012346'>` +
    `<message xmlns='jabber:client' to='user1@localhost/${'r'.repeat(20)}' type='chat'><body>word 1</body></message></body>`,
] as const

const parts = {
  warm: countWarms,
  chat: countMessages,
  pace: warmEvenly,
  hold: holdMany,
  rest: restMany,
}

process.on('message', async (work: Work) => {
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
    let endAll = async () => {}
    await tally.during(async () => {
      const shares = sharesOf(work.target, users)
      const atOnce = (work.atOnce ?? usuallyAtOnce) / shares.length
      const ends = await Promise.all(
        shares.map(([target, some]) =>
          openAll(target, some, milliseconds => tally.add(milliseconds), atOnce),
        ),
      )
      endAll = async () => void (await Promise.all(ends.map(end => end())))
    })
    await endAll()
  }
  return tally.figures()
}

async function countMessages(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  let counting = false
  const { failure, fail } = failing()
  const { port } = work.target
  const arrived = (milliseconds: number) => {
    if (counting) tally.add(milliseconds)
  }
  const { kind } = work.target
  const pair = (index: number) =>
    new PostPairs({
      port,
      arrived,
      failed: fail,
      ...(kind === 'floor' ? emptyPair : { path: `/relay/${index}`, bodies: relayed }),
    })
  const talks =
    kind === 'floor' || kind === 'relay'
      ? Array.from({ length: work.users }, (_, index) => pair(index))
      : work.target.over === 'websocket'
        ? (await openSockets(work.target, names(work, work.users), fail)).map(
            session => new SocketChat(session, arrived),
          )
        : (
            await Promise.all(
              sharesOf(work.target, names(work, work.users)).map(async ([target, some]) => {
                const about = { port: target.port, pollFirst: work.pollFirst ?? false, arrived, failed: fail }
                return (await openBosh(target, some)).map(session => new Chat(session, about))
              }),
            )
          ).flat()
  // A port of several processes gives connections to one after the other: in order, each session would meet the same one.
  for (const talk of shuffled<(typeof talks)[number]>(talks)) talk.poll()
  await sleep(settleMilliseconds)
  for (const talk of shuffled<(typeof talks)[number]>(talks)) talk.sendNext()
  await Promise.race([sleep(settleMilliseconds), failure])
  counting = true
  await tally.during(() => Promise.race([sleep(work.amount * 1000), failure]))
  counting = false
  await Promise.race([Promise.all(talks.map(talk => talk.end())), failure])
  return tally.figures()
}

/** The processes that a target has, each with its part of the users. */
function sharesOf(target: Target, users: readonly string[]): (readonly [Target, readonly string[]])[] {
  const { apart = [target.port] } = target
  return apart.map((port, place) => [
    { ...target, port },
    users.filter((_, index) => index % apart.length === place),
  ])
}

/** Warms at an even rate, however long each one takes; the sessions are ended afterwards. */
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
  const users = names(work, Math.round(work.amount * work.warmsPerSecond!))
  await tally.during(async () => {
    const start = performance.now()
    const warming: Promise<void>[] = []
    for (const [index, user] of users.entries()) {
      const due = start + (index * 1000) / work.warmsPerSecond!
      if (due > performance.now()) await Promise.race([sleep(due - performance.now()), failure])
      const one = warm(user)
      one.catch(fail)
      warming.push(one)
    }
    await Promise.race([Promise.all(warming), failure])
  })
  for (const end of ends) await end()
  opener.close()
  return tally.figures()
}

/** Holds many sessions for a while; each says something now and then. */
async function holdMany(work: Work): Promise<Figures> {
  const { sessions = 0, secondsPerMessage = 60, pausing = 0, target, pids, amount } = work
  const tally = new Tally(pids)
  const spare: Lane[] = []
  const held: HeldSession[] = []
  let lost = 0
  const about = {
    port: target.port,
    spare,
    arrived: (milliseconds: number) => tally.add(milliseconds),
    lost: (reason: string) => {
      // The first reasons are enough to see what is going on.
      if (++lost <= 3) console.error(`a session is lost: ${reason}`)
    },
  }
  while (held.length < sessions) {
    const users = names(work, Math.min(batchSize, sessions - held.length), held.length)
    for (const session of await openBosh(target, users)) {
      const pauseSeconds = held.length < pausing ? pausesFor * secondsPerMessage : undefined
      held.push(new HeldSession(session, { ...about, pauseSeconds }))
    }
  }
  process.send?.({ ready: held.length })
  await sleep(settleMilliseconds)
  await tally.during(async () => {
    const start = performance.now()
    const last = (amount / secondsPerMessage) * sessions
    for (let said = 0; said < last; ) {
      const due = ((performance.now() - start) / 1000 / secondsPerMessage) * sessions
      for (; said < Math.min(due, last); said++) held[said % sessions]!.say()
      await sleep(10)
    }
    for (let waited = 0; waited < graceMilliseconds && held.some(each => each.isWaiting); waited += 100)
      await sleep(100)
  })
  const missing = held.filter(each => each.isWaiting).length
  for (const each of held) each.close()
  for (const lane of spare) lane.close()
  return { ...tally.figures(), lost: lost + missing }
}

/** Keeps many WebSockets open that say nothing; what is counted are the pings that they answer. */
async function restMany({ sessions = 0, ...work }: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  const open: SocketSession[] = []
  let lost = 0
  while (open.length < sessions) {
    const users = names(work, Math.min(batchSize, sessions - open.length), open.length)
    open.push(...(await openSockets(work.target, users, () => void lost++)))
  }
  process.send?.({ ready: open.length })
  await sleep(settleMilliseconds)
  const answered = () => open.reduce((sum, { lane }) => sum + lane.pings, 0)
  const before = answered()
  await tally.during(async () => {
    await sleep(work.amount * 1000)
    for (let ping = answered() - before; ping > 0; ping--) tally.add(0)
  })
  for (const { lane } of open) lane.close()
  return { ...tally.figures(), lost }
}

/** The accounts in turn, from a number on. */
function names({ prefix, users }: Work, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${(from + index) % users}`)
}

/** The same in any order. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => ({ item, place: Math.random() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

/** A promise that only ever rejects. */
function failing(): { failure: Promise<never>; fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  failure.catch(() => {})
  return { failure, fail }
}
