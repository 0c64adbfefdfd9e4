import { randomUUID } from 'node:crypto'

export interface CallIds {
  readonly requestId: string
  readonly traceparent?: string | undefined
}

export function requestIdFrom(header: string | undefined): string {
  return header !== undefined && /^[\w.:+/=@-]{1,128}$/.test(header) ? header : randomUUID()
}

/** Undefined if the header is invalid: https://www.w3.org/TR/trace-context/#traceparent-header */
export function traceparentFrom(header: string | undefined): string | undefined {
  const form = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
  return header !== undefined && form.test(header) ? header : undefined
}
