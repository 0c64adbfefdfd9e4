// Calls of /connect as pages of a portal make them.
import type { HttpAnswer } from './http-answer.js'
import { callUrl } from './login-server/watched-service.js'

export interface PageCall {
  readonly method?: string
  /** None is sent if it is empty. */
  readonly token?: string
  readonly tab?: string
  /** In place of the tab. */
  readonly body?: string
  /** They win over the usual ones. */
  readonly headers?: Readonly<Record<string, string>>
}

export function callConnect(
  url: string,
  origin: string,
  { method = 'POST', token = '', tab, body = tab === undefined ? '' : JSON.stringify({ tab }), headers }: PageCall,
): Promise<HttpAnswer> {
  return callUrl(`${url}/connect`, {
    method,
    body,
    headers: {
      Origin: origin,
      Accept: '*/*',
      ...(token !== '' && { Authorization: `Bearer ${token}` }),
      ...(body !== '' && { 'Content-Type': 'application/json' }),
      ...headers,
    },
  })
}

export const problemOf = ({ status, text }: HttpAnswer) => [status, JSON.parse(text).code]
