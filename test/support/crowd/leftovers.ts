// What processes still have when all users have gone.
import { setTimeout as sleep } from 'node:timers/promises'
import { samplesOf } from '../scrape.js'
import { descriptorsOf } from '../server-process.js'
import type { Flock } from './member.js'

/** What must be 0 when there is nothing to do. */
const idle = /^warm_bindings_(sessions|c2s_links|bosh_held_requests|http_connections|forwarded_requests)(\{|$)/

/** Links between two processes, each with its Unix or TCP socket, are made when they are needed, and stay. */
const linksOfOthers = 2

/** Waits until nothing is left, but at most `seconds`. Resolves with descriptions of what is left. */
export async function leftovers(flock: Flock, seconds: number): Promise<string[]> {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const left = await look(flock)
    if (left.length === 0 || performance.now() > deadline) return left
    await sleep(500)
  }
}

async function look(flock: Flock): Promise<string[]> {
  const texts = await flock.metrics()
  const metrics = texts.flatMap((text, index) =>
    [...samplesOf(text)]
      .filter(([name, value]) => value !== 0 && idle.test(name))
      .map(([name, value]) => `process ${index + 1} of ${texts.length}: ${name} ${value}`),
  )
  const descriptors = flock.members.flatMap(({ node, pid, descriptors: before }) => {
    const now = descriptorsOf(pid)
    const most = before + linksOfOthers * (flock.members.length - 1)
    return now > most ? [`${node} has ${now} descriptors, ${before} when it began`] : []
  })
  return [...metrics, ...descriptors]
}
