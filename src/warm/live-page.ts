import type { IncomingMessage } from 'node:http'
import type { Answer } from '../http/answers/answer.js'
import { livePagePolicy } from '../http/answers/pages.js'

/** `live.js` reads a page again at this interval. */
export const liveSeconds = 5

/** True for requests of `live.js`. */
export const isUpdate = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean => headers['x-live'] !== undefined

/** The template needs `{{> live}}`, and elements with an id and `data-live`. */
export function livePage(page: Answer): Answer {
  return { ...page, headers: { ...page.headers, 'Content-Security-Policy': livePagePolicy } }
}
