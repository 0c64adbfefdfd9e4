import { createHmac, type KeyObject, randomUUID } from 'node:crypto'
import type { Config } from '../../config/config.js'
import type { Outgoing } from '../../servers/net/http-agents.js'
import type { TellEvent } from '../../session/session-types.js'
import { withULabels } from '../../xmpp/jid/domains.js'
import { EventQueue, type EventQueueParts } from './event-queue.js'
import { createPost } from './post.js'

const drainMilliseconds = 3_000

interface EventsParts extends Outgoing, EventQueueParts {
  readonly receiver: NonNullable<Config['events']>
}

export type Events = ReturnType<typeof createEvents>

export function createEvents(parts: EventsParts) {
  const { receiver } = parts
  const { post, close } = createPost(receiver.url, parts)
  const sign = createSigner(receiver.key)
  const queue = new EventQueue(parts, ({ id, body }) => post(body, sign(id, body, Math.floor(Date.now() / 1000))))
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
