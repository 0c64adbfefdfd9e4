import type { Logger } from 'pino'
import type { Clock } from '../lib/clock.js'
import { traceOf } from '../lib/log.js'
import type { Carrier, CarrierEvents, StartCarrier } from './carriers/carrier.js'
import { Membership } from './exchanges/membership.js'
import { questionsOver } from './exchanges/questions.js'
import { newNodeName } from './node-name.js'
import type { AboutNode, Exchange, NoAnswer, Nodes } from './nodes.js'

export interface NodesParts {
  readonly carriers: readonly StartCarrier[]
  readonly clock: Clock
  readonly log: Logger
  readonly onUnanswered?: (reason: NoAnswer['reason']) => void
  readonly about?: AboutNode | undefined
  /** If true, requests for an unknown process wait in the first 10 s, because an heir may adopt the process's name. */
  readonly awaitsHeirs?: boolean
  readonly name?: string
}

export async function startNodes(parts: NodesParts): Promise<Nodes> {
  const { carriers: starts, clock, log, name: self = newNodeName(), about, awaitsHeirs = false, onUnanswered } = parts
  const carriers: Carrier[] = []
  const kinds = new Map<string, Parameters<Nodes['accept']>[1]>()
  const report = (error: unknown) => log.error(traceOf(error), 'a request of another process failed')
  const guarded = <T>(act: () => T): T | undefined => {
    try {
      return act()
    } catch (error) {
      report(error)
      return undefined
    }
  }
  const membership = new Membership({
    self,
    carriers,
    clock,
    log,
    about,
    awaitsHeirs,
    accept: (message, exchange, kind) => guarded(() => kinds.get(kind)?.(message, exchange)),
    guarded,
    report,
  })
  const { owners } = membership
  for (const [place, start] of starts.entries()) {
    const { events, letThrough } = heldBack(membership.eventsOf(() => carriers[place]!, place === 0))
    try {
      carriers[place] = await start(self, events)
    } catch (error) {
      membership.close()
      await Promise.all(carriers.map(carrier => carrier.close()))
      throw error
    }
    letThrough()
  }
  membership.begin()

  const open: Nodes['open'] = (other, kind, head, body, events) => {
    const node = membership.get(other)
    const isThere = node !== undefined && !node.isGivenUp
    if (isThere && !node.isOverfull) return node.exchanges.open(kind, head, body, events)
    const how = isThere || membership.isOnlyReported(other) ? 'broken' : 'gone'
    setImmediate(() => guarded(() => events.onEnd(how)))
    return noExchange(other)
  }
  const accept: Nodes['accept'] = (kind, how) => void kinds.set(kind, how)
  const questions = questionsOver({ open, accept, clock, report, onUnanswered })

  return {
    self,
    get names() {
      return owners.names
    },
    get isLeaving() {
      return owners.isLeaving
    },
    adopt: names => membership.adopt(names),
    leave: () => membership.leave(),
    owner: name => owners.owner(name),
    isAwaited: name => owners.isAwaited(name),
    whenOwned: owners.whenOwned,
    get awaited() {
      return owners.awaited
    },
    get others() {
      return membership.there.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    get lost() {
      return [...membership.known].filter(({ isGivenUp }) => isGivenUp).map(({ name }) => name)
    },
    get isClosed() {
      return membership.isClosed
    },
    has: other => membership.has(other),
    open,
    accept,
    ask: questions.ask,
    answer: questions.answer,
    onChange: listener => membership.onChange(listener),
    drain: () => membership.drain(),
    get areUp() {
      return carriers.every(({ isUp }) => isUp)
    },
    get exchanges() {
      return [...membership.known].reduce((sum, node) => sum + node.exchanges.size, 0)
    },
    async close() {
      membership.close()
      await Promise.all(carriers.map(carrier => carrier.close()))
      membership.clear()
    },
  }
}

/** Holds events back until `letThrough`, because a carrier may report processes before its start has resolved. */
function heldBack(events: CarrierEvents): { events: CarrierEvents; letThrough(): void } {
  let waiting: (() => void)[] | undefined = []
  const later = Object.fromEntries(
    Object.entries(events).map(([event, handle]: [string, (...about: unknown[]) => void]) => [
      event,
      (...about: unknown[]) => {
        if (waiting === undefined) handle(...about)
        else waiting.push(() => handle(...about))
      },
    ]),
  ) as unknown as CarrierEvents
  const letThrough = () => {
    const acts = waiting ?? []
    waiting = undefined
    for (const act of acts) act()
  }
  return { events: later, letThrough }
}

const noExchange = (node: string): Exchange => ({
  node,
  isBehind: false,
  send() {},
  end() {},
  cancel() {},
  took() {},
})
