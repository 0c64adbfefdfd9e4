import { NoChat } from './failures.js'

/** The JSON answer of `POST /warm`, `resume` or `POST /connect`. Durations are in seconds. */
export interface Binding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
  readonly url?: string
  readonly wait?: number
  readonly hold?: number
  readonly requests?: number
  readonly maxpause?: number
  /** True if the session had an earlier page. */
  readonly resumed?: boolean
  /** Number of stanzas that earlier pages have certainly received. */
  readonly delivered?: number
  /** The rid of the previous page's last request that arrived. */
  readonly received?: number
  /** True if client states (XEP-0352) may be sent. */
  readonly csi?: boolean
  readonly websocket?: { readonly url: string; readonly token: string }
}

const patience = 30_000

export function absolute(address: string): URL {
  return new URL(address, document.baseURI)
}

/** Rejects with `NoChat`. */
export async function callSource<Answer>(source: (tab: string) => Promise<Answer | undefined>, tab: string) {
  const answer = await source(tab).catch((error: Error) => {
    throw new NoChat(error instanceof TypeError ? 'The portal cannot be reached.' : error.message)
  })
  if (answer === undefined) throw new NoChat('The chat has ended.', 'session-over')
  return answer
}

/** Rejects with `NoChat` if there is no answer. */
export async function ask(url: URL, init: RequestInit = {}, whose = 'portal'): Promise<Response> {
  try {
    return await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(patience), ...init })
  } catch {
    throw new NoChat(`The ${whose} cannot be reached.`)
  }
}

/** Rejects with `NoChat` if the answer is an error, or `read` returns nothing. */
export async function answerOf<Answer>(
  response: Response,
  read: (text: string) => Answer | undefined,
  isOfService = false,
): Promise<Answer> {
  const { status, ok, headers, redirected } = response
  const text = await response.text().catch(() => '')
  const answer = ok && read(text)
  if (answer) return answer
  // An empty text may be a broken connection, not a sign-in page.
  const isPage = ok && text && !isOfService
  // The portal redirected to its sign-in page.
  const isSentAway = isPage && redirected
  const why = isSentAway ? 'The portal redirected. It should answer 401.' : 'The portal sent no token or binding.'
  const { code = isSentAway ? 'signed-out' : 'refused', detail = isPage && why } = (isOfService && readJson(text)) || {}
  if (detail) console.warn(`${code}: ${detail}`)
  if (isSentAway || (!isOfService && /^40[13]/.test(`${status}`)))
    throw new NoChat('You are not signed in any more.', 'signed-out')
  if (isPage || /^4(?!08|29)/.test(`${status}`)) throw new NoChat(`The chat is not available (HTTP ${status}).`, code)
  throw new NoChat('There is no chat at the moment.', undefined, Number(headers.get('Retry-After')) || undefined)
}

export function readBinding(text: string): Binding | undefined {
  const binding = readJson(text)
  return typeof binding?.jid === 'string' ? binding : undefined
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of others.
export function readJson(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
