import { Refused, Unreachable } from './failures.js'

/** What the backend hands to the page: the answer of `POST /warm` or of `resume` in JSON, as it came. Durations are in seconds. */
export interface Binding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
  /** The BOSH endpoint; `/http-bind` unless it is there. */
  readonly url?: string
  readonly wait?: number
  readonly hold?: number
  readonly requests?: number
  readonly maxpause?: number
  /** Whether the session had a page before. */
  readonly resumed?: boolean
  /** How many of its stanzas the pages before have had for certain. */
  readonly delivered?: number
  /** The last request of the page before that has arrived. */
  readonly received?: number
  readonly websocket?: { readonly url: string; readonly token: string }
}

/** Where the page gets its binding: an address of the portal's backend, or a function. */
export type BindingSource = string | ((tab: string) => Promise<Binding | undefined>)

/** How long the backend has for its answer, in milliseconds. */
const patience = 30_000

/** Asks for a binding of this tab. Throws `Refused` where asking again is of no use, and `Unreachable` where it is. */
export async function askForBinding(source: BindingSource, tab: string): Promise<Binding> {
  if (typeof source === 'function') {
    const binding = await source(tab).catch((error: Error) => {
      throw new Unreachable(error instanceof TypeError ? 'The portal cannot be reached.' : error.message)
    })
    if (binding === undefined) throw new Refused('session-over', 'The chat session is over.')
    return binding
  }
  const url = new URL(source, document.baseURI)
  url.searchParams.set('tab', tab)
  const response = await fetch(url, {
    headers: { Accept: 'application/json' },
    cache: 'no-store',
    signal: AbortSignal.timeout(patience),
  }).catch(() => {
    throw new Unreachable('The portal cannot be reached.')
  })
  const { status, ok } = response
  if (status === 401 || status === 403) throw new Refused('signed-out', 'You are not signed in any more.')
  if (status >= 400 && status < 500 && status !== 408 && status !== 429)
    throw new Refused('refused', `The portal has no chat for this page (HTTP ${status}).`)
  const seconds = Number(response.headers.get('Retry-After'))
  const binding: Binding | undefined = ok ? await response.json().catch(() => undefined) : undefined
  if (typeof binding?.jid !== 'string')
    throw new Unreachable('There is no chat at the moment.', seconds > 0 ? seconds : undefined)
  return binding
}
