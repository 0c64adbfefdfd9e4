import type { Answer } from '../http/answers/answer.js'
import { type EventStreams, wantsEvents } from '../http/answers/event-streams.js'
import { livePagePolicy } from '../http/answers/pages.js'
import type { Call } from './calls.js'

/** The template needs `{{> live}}`, and elements with an id and `data-live`. */
export async function answerLive(
  streams: EventStreams,
  { request, response, admin }: Call,
  render: () => Promise<Answer>,
): Promise<Answer | undefined> {
  if (wantsEvents(request)) {
    await streams.open(response, admin.name, async () => (await render()).body)
    return undefined
  }
  return livePage(await render())
}

export function livePage(page: Answer): Answer {
  return { ...page, headers: { ...page.headers, 'Content-Security-Policy': livePagePolicy } }
}
