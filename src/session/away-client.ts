import type { Client, NextPage } from './client.js'

export interface AwayRecord {
  readonly isAway: true
  readonly next: unknown
}

/** Has no page, and does nothing. */
export const noClient: Client = {
  transport: undefined,
  address: undefined,
  isPresent: false,
  unconfirmed: 0,
  deadline: Number.POSITIVE_INFINITY,
  onOpen() {},
  tick() {},
  flush() {},
  close() {},
  reportEnd: () => false,
}

/** A WebSocket page that has not returned since its session moved to this process. */
export function awayClient(next: NextPage): Client {
  const setDown = (): AwayRecord => ({ isAway: true, next: next.record })
  return { ...noClient, transport: 'websocket', handOver: () => next, setDown, keep: () => ({ client: setDown() }) }
}
