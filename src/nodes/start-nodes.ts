import type { Logger } from 'pino'
import type { Clock, Timer } from '../lib/clock.js'
import { traceOf } from '../log.js'
import type { Carrier, CarrierEvents, StartCarrier } from './carrier.js'
import type { Meet } from './exchanges.js'
import { type Frame, frameKinds, readFrame, writeFrame } from './frames.js'
import { Hearsay } from './hearsay.js'
import { newNodeName } from './node-name.js'
import type { AboutNode, Exchange, NoAnswer, Nodes } from './nodes.js'
import { questionsOver } from './questions.js'
import { RemoteNode } from './remote-node.js'

/** How often a process says that it is there, and how often it looks at how long the others have said nothing, in milliseconds. */
const beatMilliseconds = 1_000
const lookMilliseconds = 500

export interface NodesParts {
  /** What carries to other processes; the first that reaches one is used. */
  readonly carriers: readonly StartCarrier[]
  readonly clock: Clock
  readonly log: Logger
  /** Hears of each question that has no answer. */
  readonly onUnanswered?: (reason: NoAnswer['reason']) => void
  /** What this process tells the others of itself. */
  readonly about?: AboutNode | undefined
  /** Random unless a test has its own. */
  readonly name?: string
}

/** What a process says of itself, once a second. */
interface Notice {
  readonly isDraining: boolean
  readonly about: AboutNode | undefined
  /** The names of the others that it knows, so that one which has come while another was stopped does not take that for gone. */
  readonly known: readonly string[]
}

/** Joins the processes that the carriers reach. Rejects where one of them cannot be started. */
export async function startNodes(parts: NodesParts): Promise<Nodes> {
  const { carriers: starts, clock, log, name, about, onUnanswered } = parts
  const self = name ?? newNodeName()
  const known = new Map<string, RemoteNode>()
  const carriers: Carrier[] = []
  const kinds = new Map<string, Parameters<Nodes['meet']>[1]>()
  const listeners: (() => void)[] = []
  const hearsay = new Hearsay(clock)
  let isDraining = false
  let isClosed = false
  let isChangeDue = false

  /** Tells the listeners at the end of the turn: what has changed together is told once. */
  const changed = () => {
    if (isChangeDue) return
    isChangeDue = true
    setImmediate(() => {
      isChangeDue = false
      if (!isClosed) for (const listener of listeners) guarded(listener)
    })
  }

  const report = (error: unknown) => log.error(traceOf(error), 'what another process asked for failed')
  const guarded = (act: () => void) => {
    try {
      act()
    } catch (error) {
      report(error)
    }
  }

  const meetOther: Meet = (message, exchange, kind) => {
    try {
      return kinds.get(kind)?.(message, exchange)
    } catch (error) {
      report(error)
      return undefined
    }
  }

  const heard = (node: RemoteNode) => {
    if (!node.heard(clock.now())) return
    log.info({ other: node.name }, 'a process is heard again')
    changed()
  }

  const meetsFirst = (node: RemoteNode, told: AboutNode) => {
    node.about = told
    const { place, version, settings } = told
    log.info({ other: node.name, place, version }, 'a process has joined')
    const names = Object.keys({ ...about?.settings, ...settings })
    const different = names.filter(name => about?.settings[name] !== settings[name])
    if (different.length > 0) log.warn({ other: node.name, place, different }, 'a process has other settings')
  }

  const take = (node: RemoteNode, frame: Frame) => {
    if (frame.kind === frameKinds.notice) {
      const notice = frame.head as Notice
      if (node.about === undefined && notice.about !== undefined) meetsFirst(node, notice.about)
      hearsay.hear(notice.known.filter(name => name !== self))
      if (node.isDraining === notice.isDraining) return
      node.isDraining = notice.isDraining
      changed()
    } else if (frame.kind === frameKinds.reset) node.break('broken')
    else guarded(() => node.exchanges.take(frame))
  }

  const eventsOf = (place: number): CarrierEvents => {
    const carrier = () => carriers[place]!
    return {
      onJoin(other) {
        if (other === self || isClosed) return
        let node = known.get(other)
        if (node === undefined) {
          node = new RemoteNode(other, meetOther, clock.now())
          known.set(other, node)
        }
        node.join(carrier(), place === 0, clock.now())
        carrier().send(other, notice())
        changed()
      },
      onBytes(other, bytes) {
        const node = known.get(other)
        if (node === undefined) return
        heard(node)
        try {
          node.read(carrier(), bytes, frame => take(node, frame))
        } catch (error) {
          report(error)
          node.lose(carrier())
        }
      },
      onAnnouncement(other, bytes) {
        const node = known.get(other)
        const frame = readFrame(bytes)
        if (node === undefined || frame === undefined) return
        heard(node)
        take(node, frame)
      },
      onBreak: other => known.get(other)?.lose(carrier()),
      onLeave(other) {
        const node = known.get(other)
        if (node === undefined) return
        node.leave(carrier())
        if (node.isReached) return
        known.delete(other)
        hearsay.left(other)
        log.info({ other }, 'a process is gone')
        changed()
      },
    }
  }

  let beat: Timer | undefined
  let lookedAt = clock.now()
  let announceAt = lookedAt
  const there = () => [...known.values()].filter(({ isGivenUp }) => !isGivenUp)
  const notice = () =>
    writeFrame(frameKinds.notice, true, 0, {
      isDraining,
      about,
      known: there().map(node => node.name),
    } satisfies Notice)
  const announce = () => {
    const frame = notice()
    announceAt = clock.now() + beatMilliseconds
    for (const carrier of carriers) carrier.announce(frame)
  }

  const look = () => {
    beat = clock.after(lookMilliseconds, look)
    const now = clock.now()
    // While this process was stopped, the others have had no chance to be heard.
    const late = now - lookedAt - lookMilliseconds
    lookedAt = now
    if (now >= announceAt) announce()
    for (const node of known.values()) {
      if (late > beatMilliseconds) node.forgive(late)
      if (!node.look(now)) continue
      log.warn({ other: node.name, isGivenUp: node.isGivenUp }, 'a process has fallen silent')
      changed()
    }
  }

  for (const [place, start] of starts.entries()) {
    // Others may be heard before the carrier is known here.
    const waiting: (() => void)[] = []
    const events = eventsOf(place)
    const later = Object.fromEntries(
      Object.entries(events).map(([event, handle]) => [
        event,
        (...about: unknown[]) => {
          const act = () => (handle as (...about: unknown[]) => void)(...about)
          if (carriers[place] === undefined) waiting.push(act)
          else act()
        },
      ]),
    ) as unknown as CarrierEvents
    try {
      carriers[place] = await start(self, later)
    } catch (error) {
      isClosed = true
      await Promise.all(carriers.map(carrier => carrier.close()))
      throw error
    }
    for (const act of waiting) act()
  }
  announce()
  beat = clock.after(lookMilliseconds, look)

  const open: Nodes['open'] = (other, kind, head, body, events) => {
    const node = known.get(other)
    const isThere = node !== undefined && !node.isGivenUp
    if (isThere && !node.isOverfull) return node.exchanges.open(kind, head, body, events)
    const how = isThere || (node === undefined && hearsay.has(other)) ? 'broken' : 'gone'
    setImmediate(() => guarded(() => events.onEnd(how)))
    return noExchange(other)
  }
  const meet: Nodes['meet'] = (kind, how) => void kinds.set(kind, how)

  return {
    self,
    get others() {
      return there().sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    get lost() {
      return [...known.values()].filter(({ isGivenUp }) => isGivenUp).map(({ name }) => name)
    },
    get isClosed() {
      return isClosed
    },
    has: other => known.get(other)?.isGivenUp === false || hearsay.has(other),
    open,
    meet,
    ...questionsOver({ open, meet, clock, report, onUnanswered }),
    onChange(listener) {
      listeners.push(listener)
    },
    drain() {
      isDraining = true
      announce()
    },
    get areUp() {
      return carriers.every(({ isUp }) => isUp)
    },
    get exchanges() {
      return [...known.values()].reduce((sum, node) => sum + node.exchanges.size, 0)
    },
    async close() {
      isClosed = true
      beat?.cancel()
      await Promise.all(carriers.map(carrier => carrier.close()))
      // They are still there, and what is asked of them may be asked again by another way.
      for (const node of known.values()) node.break('broken')
      known.clear()
    },
  }
}

const noExchange = (node: string): Exchange => ({
  node,
  isBehind: false,
  send() {},
  end() {},
  cancel() {},
  took() {},
})
