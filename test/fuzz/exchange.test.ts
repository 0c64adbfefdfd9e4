// Broken, odd and hostile requests and streams against whole sessions.
//   FUZZ_CASES  how many texts in all the fuzz tests together (5000, or 50000 in all tests)
//   FUZZ_SEED   (20261120); a failure prints the request
import { afterAll, expect, test } from '@jest/globals'
import type { Reply } from '../../src/browsers/bosh/peer.js'
import { streamsNamespace } from '../../src/xmpp/namespaces.js'
import { defaultLimits } from '../../src/xmpp/xml/limits.js'
import { Splitter } from '../../src/xmpp/xml/splitter.js'
import { XmlError } from '../../src/xmpp/xml/xml-error.js'
import { BoshBench, boshNamespace, type Client, FakePeer, message, payload } from '../support/bosh-bench.js'
import { casesOf } from '../support/matrix.js'
import { numberFrom, Random } from '../support/random.js'
import { corpus } from './corpus.js'
import { mutate, mutateBytes } from './mutate.js'
import { judge, wrongWith } from './oracle.js'

const cases = numberFrom('FUZZ_CASES', casesOf(5_000, 50_000))
const seed = numberFrom('FUZZ_SEED', 20261120)
const time = 60_000 + cases * 2

/** All that ever stands in `condition`, but for `internal-server-error`: nothing a peer sends is a fault of ours. */
const conditions = new Set([
  ...['bad-request', 'host-gone', 'host-unknown', 'improper-addressing', 'item-not-found', 'other-request'],
  ...['policy-violation', 'remote-connection-failed', 'remote-stream-error', 'system-shutdown'],
])
const statuses = new Set([200, 400, 403, 404, 0])

/** What is wrong with a reply. */
function replyFault({ status, body }: Reply): string | undefined {
  if (!statuses.has(status)) return `status ${status}`
  if (status !== 200) return body === '' ? undefined : 'a body beside the status'
  const wrong = wrongWith(body)
  if (wrong !== undefined) return wrong
  const { root } = judge(body, { isWhole: false })
  if (root?.name !== 'body' || root.namespace !== boshNamespace) return 'another root'
  const condition = /^<body[^>]* condition='([^']*)'/.exec(body)?.[1]
  return condition === undefined || conditions.has(condition) ? undefined : `condition ${condition}`
}

class Crowd {
  readonly bench = new BoshBench({ maxRequests: 3, inactivity: 20 }, ['*'])
  #random: Random
  #victim: Client | undefined
  /** A client that minds its own business meanwhile. */
  #healthy: Client | undefined
  #said = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** A session to be mistreated, made anew whenever it is over. */
  async victim(): Promise<Client> {
    if (this.#victim === undefined || this.bench.registry.bySid(this.#victim.sid) === undefined) {
      const more = this.#random.pick(["ver='1.6'", "ver='1.11' ack='1'", '', "ver='1.6' newkey='0123'"])
      const wait = this.#random.pick([0, 1, 60])
      const attributes = `wait='${wait}' hold='${this.#random.below(3)}' ${more}`
      this.#victim = await this.bench.session(attributes, 700, new FakePeer(this.#random.chance(0.5)))
    }
    return this.#victim
  }

  async ask(text: string): Promise<string | undefined> {
    const { peer, reply } = await this.bench.send(text, new FakePeer(this.#random.chance(0.8)))
    if (reply === undefined && this.#random.chance(0.3)) peer.leave()
    return reply === undefined ? undefined : replyFault(reply)
  }

  /** A server sends this to the victim. */
  async receive(bytes: Buffer): Promise<string | undefined> {
    const victim = await this.victim()
    const { events } = victim.link
    const poll = await victim.next(this.#random.chance(0.5) ? '' : message('x'))
    const sink = {
      onElement(element: Parameters<typeof events.onElement>[0]) {
        const isError = element.namespace === streamsNamespace && element.name === 'error'
        const failure = { step: 'features', code: 'remote-stream-error' } as const
        if (isError) events.onEnd({ failure, streamError: element.text })
        else events.onElement(element)
      },
      onClose: () => events.onEnd({ failure: { step: 'features', code: 'remote-connection-failed' } }),
    }
    try {
      new Splitter(sink, defaultLimits).write(bytes)
      events.onFlush?.()
    } catch (error) {
      if (!(error instanceof XmlError)) return `throws ${(error as Error).stack}`
      events.onEnd({ failure: { step: 'features', code: 'remote-protocol-error' } })
    }
    await this.bench.pass(0)
    return poll.reply === undefined ? undefined : replyFault(poll.reply)
  }

  async checkHealthy(): Promise<void> {
    this.#healthy ??= await this.bench.session("wait='60' hold='1' ver='1.6'", 700)
    const words = message(`still here ${this.#said++}`)
    const { link } = this.#healthy
    const poll = await this.#healthy.next(words)
    link.receive(words)
    await this.bench.pass(1)
    expect(poll.reply?.body).toBe(payload(words))
    expect(link.sent.pop()).toBe(words)
  }
}

const memory: number[] = []

function weigh(): void {
  globalThis.gc?.()
  memory.push(process.memoryUsage().heapUsed / 1024 / 1024)
}

test(
  'every request gets a valid reply, and other clients are not affected',
  async () => {
    const random = new Random(seed + 2)
    const crowd = new Crowd(random)
    const bodies = corpus('bodies', 'clients')
    const streams = corpus('streams', 'servers')
    for (let done = 0; done < cases / 4; done++) {
      const victim = await crowd.victim()
      let text: string
      let fault: string | undefined
      if (random.chance(0.3)) {
        text = mutate(random, streams)
        fault = await crowd.receive(random.chance(0.9) ? Buffer.from(text) : mutateBytes(random, text))
      } else {
        text = mutate(random, bodies)
          .replace(/ sid='[^']*'/, ` sid='${victim.sid}'`)
          .replace(/ rid='\d+'/, () => ` rid='${victim.rid + random.pick([1, 1, 1, 2, 3, 0, -1])}'`)
        fault = await crowd.ask(text)
        // Whether it counted or not, a client that goes on counts on.
        if (random.chance(0.7)) victim.rid += 1
      }
      if (fault !== undefined) expect({ fault, text }).toBeUndefined()
      if (done % 20 === 0) {
        await crowd.checkHealthy()
        await crowd.bench.pass(random.pick([0.3, 1, 5, 15]))
      }
      if (done % 1000 === 0) {
        crowd.bench.links.length = 0
        weigh()
      }
    }
    expect(crowd.bench.registry.size).toBeLessThan(1000)
  },
  time,
)

afterAll(() => {
  // The least of the last ones: what is left after all that could be collected was.
  const early = Math.min(...memory.slice(2, 8))
  const late = Math.min(...memory.slice(-6))
  expect(late - early).toBeLessThan(globalThis.gc === undefined ? 150 : 10)
})
