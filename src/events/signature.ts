import { createHmac, type KeyObject } from 'node:crypto'

/** Headers of the Standard Webhooks specification. `seconds` since 1970. */
export function createSigner(key: KeyObject) {
  return (id: string, body: string, time: number) => ({
    'webhook-id': id,
    'webhook-timestamp': String(time),
    'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`,
  })
}
