import { createHmac, type KeyObject, randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Config } from '../config/config.js'
import type { CallIds } from '../lib/call-ids.js'
import type { Counts, EndReason, EventType } from '../lib/counts.js'
import type { MinuteSums } from '../lib/limits/minute-sums.js'
import type { Outgoing } from '../outgoing/http-agents.js'
import type { StoredSession } from '../store/store.js'
import { withULabels } from '../xmpp/jid/domains.js'
import { EventQueue } from './event-queue.js'
import { createPost } from './post.js'

const drainMilliseconds = 3_000

type Subject = Pick<StoredSession, 'id' | 'jid' | 'domain' | 'tab'> & { readonly ids?: CallIds | undefined }

export type TellEvent = (type: EventType, session: Subject, reason?: EndReason) => void

interface EventsParts extends Outgoing {
  readonly receiver: NonNullable<Config['events']>
  readonly counts: Counts
  readonly sums: MinuteSums
  readonly log: Logger
}

export type Events = ReturnType<typeof createEvents>

export function createEvents({ receiver, proxies, names, clock, counts, sums, log }: EventsParts) {
  const { post, close } = createPost(receiver.url, { proxies, names, clock })
  const sign = createSigner(receiver.key)
  const queue = new EventQueue({
    clock,
    counts,
    sums,
    log,
    send: ({ id, body }) => post(body, sign(id, body, Math.floor(Date.now() / 1000))),
  })
  const tell: TellEvent = (type, { id: session, jid, domain, tab: page, ids }, reason) => {
    const id = randomUUID()
    const data = {
      id: session,
      jid,
      domain: withULabels(domain),
      ...(page && { visit: page.visit, tab: page.tab || undefined }),
      reason,
      request_id: ids?.requestId,
      traceparent: ids?.traceparent,
    }
    const body = JSON.stringify({ id, type, timestamp: new Date(), data })
    queue.add({ id, type, session, body })
  }
  return {
    tell,
    get waiting() {
      return queue.waiting
    },
    async stop(): Promise<void> {
      await queue.stop(drainMilliseconds)
      close()
    },
  }
}

/** Standard Webhooks. `time`: seconds since 1970. */
export function createSigner(key: KeyObject) {
  return (id: string, body: string, time: number) => ({
    'webhook-id': id,
    'webhook-timestamp': String(time),
    'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`,
  })
}
