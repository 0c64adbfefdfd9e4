import type { Logger } from 'pino'
import { traceOf } from '../../lib/log.js'
import { NoAnswer, type Nodes } from '../../processes/nodes.js'
import type { WrittenState } from '../../processes/state-files.js'
import type { SessionRecord } from '../session-record.js'
import type { Registry } from './registry.js'

/** Raise this number when `SessionRecord`, or a record inside, changes. */
export const recordVersion = 1

export function* setDown(
  registry: Registry,
  onSetDown: (session: Pick<SessionRecord, 'id' | 'jid' | 'domain' | 'tab'>) => void = () => {},
): Iterable<string> {
  for (const session of [...registry.all()]) {
    let record: SessionRecord | undefined
    session.run(() => {
      record = session.setDown()
    })
    if (record === undefined) continue
    const { id, jid, domain, tab } = record
    onSetDown({ id, jid, domain, tab })
    yield JSON.stringify(record)
  }
}

interface Taken {
  readonly taken: number
  readonly refused: number
}

export function takeUp(
  records: Iterable<string>,
  milliseconds: number,
  take: (record: SessionRecord) => boolean,
  log: Logger,
): Taken {
  const counts = { taken: 0, refused: 0 }
  for (const text of records) {
    let isTaken = false
    try {
      const record = JSON.parse(text) as SessionRecord
      const { link, createdAt } = record
      // Other deadlines stop between processes, because no page could connect.
      const later = { createdAt: createdAt - milliseconds, link: { ...link, since: link.since - milliseconds } }
      isTaken = take({ ...record, ...later })
    } catch (error) {
      if (counts.refused === 0) log.error(traceOf(error), 'a session could not be continued')
    }
    counts[isTaken ? 'taken' : 'refused'] += 1
  }
  return counts
}

export function takeUpFiles(
  states: readonly WrittenState[],
  nodes: Pick<Nodes, 'adopt'> | undefined,
  take: (record: SessionRecord) => boolean,
  log: Logger,
): void {
  for (const state of states) {
    if (!state.take()) continue
    const sum = takeUp(state.records, Date.now() - state.writtenAt, take, log)
    // Requests at other addresses and processes wait for these names.
    nodes?.adopt(state.names)
    log.info(sum, 'sessions of an earlier process were taken up')
    if (sum.refused > 0)
      log.warn(sum, 'some sessions end: their domains are not served, or their users cannot log in again')
  }
}

const kind = 'succession'
const readyKind = 'succession-ready'
/** The heir may be busy with sessions of other processes. */
const readyMilliseconds = 5_000

interface Given {
  readonly names: readonly string[]
}

/** Sets sessions down and sends their records if the heir takes sessions. Rejects if the heir refuses or is lost. */
export async function giveTo(heir: string, nodes: Nodes, records: Iterable<string>): Promise<Taken> {
  const isReady = await nodes.ask(heir, readyKind, recordVersion, readyMilliseconds)
  if (isReady !== true)
    throw new Error(`the process ${heir} takes no sessions with records of version ${recordVersion}`)
  const remaining = records[Symbol.iterator]()
  return new Promise((resolve, reject) => {
    let taken: Taken | undefined
    let isSent = false
    const send = () => {
      while (!isSent && !exchange.isBehind) {
        const next = remaining.next()
        isSent = next.done === true
        exchange.send(undefined, next.done === true ? '' : next.value)
      }
    }
    const exchange = nodes.open(heir, kind, { names: nodes.names } satisfies Given, '', {
      onMessage({ head }) {
        taken = head as Taken
      },
      onDrain: send,
      onEnd: how =>
        taken === undefined ? reject(new NoAnswer(heir, how === 'gone' ? how : 'broken')) : resolve(taken),
    })
    send()
  })
}

/** `take` returns undefined if this process is stopping too. */
export function acceptHandovers(
  nodes: Nodes,
  take: () => ((record: SessionRecord) => boolean) | undefined,
  log: Logger,
) {
  nodes.answer(readyKind, (version: number) => version === recordVersion && take() !== undefined)
  nodes.accept(kind, ({ head }, exchange) => {
    const before = take()
    if (before === undefined) {
      exchange.cancel()
      return { onMessage() {}, onEnd() {} }
    }
    const { names } = head as Given
    const sum = { taken: 0, refused: 0 }
    return {
      onMessage({ body }) {
        exchange.took(body.length)
        if (body.length > 0) {
          const { taken, refused } = takeUp([body.toString()], 0, before, log)
          sum.taken += taken
          sum.refused += refused
          return
        }
        nodes.adopt(names)
        log.info(sum, 'sessions of another process were taken up')
        exchange.end(sum)
      },
      onEnd(how) {
        if (sum.taken > 0) nodes.adopt(names)
        log.warn({ ...sum, how }, 'another process was lost while it handed its sessions over')
      },
    }
  })
}
