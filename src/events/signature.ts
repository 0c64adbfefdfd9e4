import { createHmac, type KeyObject } from 'node:crypto'

/**
 * Signs events as the Standard Webhooks specification has it: gives the headers for a body that is sent at this time, in
 * seconds since 1970.
 */
export function createSigner(key: KeyObject) {
  return (id: string, body: string, time: number) => ({
    'webhook-id': id,
    'webhook-timestamp': String(time),
    'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`,
  })
}
