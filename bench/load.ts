// The load client, a process of its own: takes one round of work at a time from its parent and answers with
// the figures. Ends when the parent does.
import { setTimeout as sleep } from 'node:timers/promises'
import { Chat } from './chat.js'
import { openAll, openBosh } from './sessions.js'
import { Tally } from './tally.js'
import type { Figures, Outcome, Work } from './work.js'

/** Most sessions open at a time while warms are counted. */
const batchSize = 400
const settleMilliseconds = 300

process.on('message', async (work: Work) => {
  const outcome: Outcome = await (work.part === 'warm' ? countWarms(work) : countMessages(work)).then(
    figures => ({ figures }),
    (error: Error) => ({ failure: error.message }),
  )
  process.send?.(outcome)
})
process.on('disconnect', () => process.exit())

async function countWarms(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  for (let done = 0; done < work.amount; done += batchSize) {
    const size = Math.min(batchSize, work.amount - done)
    const users = Array.from({ length: size }, (_, index) => `${work.prefix}${(done + index) % work.users}`)
    let endAll = async () => {}
    await tally.during(async () => {
      ;({ endAll } = await openAll(work.target, users, milliseconds => tally.add(milliseconds)))
    })
    await endAll()
  }
  return tally.figures()
}

async function countMessages(work: Work): Promise<Figures> {
  const tally = new Tally(work.pids)
  let counting = false
  let fail: (error: Error) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  const users = Array.from({ length: work.users }, (_, index) => `${work.prefix}${index}`)
  const chats = (await openBosh(work.target, users)).map(
    session =>
      new Chat(session, {
        port: work.target.port,
        pollFirst: work.pollFirst ?? false,
        arrived: milliseconds => {
          if (counting) tally.add(milliseconds)
        },
        failed: error => fail(error),
      }),
  )
  for (const chat of chats) chat.poll()
  await sleep(settleMilliseconds)
  for (const chat of chats) chat.sendNext()
  await Promise.race([sleep(settleMilliseconds), failure])
  counting = true
  await tally.during(() => Promise.race([sleep(work.amount * 1000), failure]))
  counting = false
  await Promise.race([Promise.all(chats.map(chat => chat.end())), failure])
  return tally.figures()
}
