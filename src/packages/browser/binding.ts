import { NoChat } from './failures.js'

/** The JSON answer of `POST /warm` or `resume`. Durations are in seconds. */
export interface Binding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
  readonly url?: string
  readonly wait?: number
  readonly hold?: number
  readonly requests?: number
  readonly maxpause?: number
  /** Whether the session had an earlier page. */
  readonly resumed?: boolean
  /** Number of stanzas that earlier pages have certainly received. */
  readonly delivered?: number
  /** Last request of the previous page that arrived. */
  readonly received?: number
  readonly websocket?: { readonly url: string; readonly token: string }
}

/** A URL of the portal's backend, or a function. */
export type BindingSource = string | ((tab: string) => Promise<Binding | undefined>)

/** In milliseconds. */
const patience = 30_000

export interface Located extends Binding {
  readonly url: string
}

export async function askForBinding(source: BindingSource, tab: string): Promise<Located> {
  const binding = await (typeof source === 'function' ? call(source, tab) : fetchBinding(source, tab))
  return { ...binding, url: absolute(binding.url ?? '/http-bind').href }
}

export function absolute(address: string): URL {
  return new URL(address, document.baseURI)
}

async function call(source: (tab: string) => Promise<Binding | undefined>, tab: string): Promise<Binding> {
  const binding = await source(tab).catch((error: Error) => {
    throw new NoChat(error instanceof TypeError ? 'The portal cannot be reached.' : error.message)
  })
  if (binding === undefined) throw new NoChat('The chat session is over.', 'session-over')
  return binding
}

async function fetchBinding(source: string, tab: string): Promise<Binding> {
  const url = absolute(source)
  url.searchParams.set('tab', tab)
  const response = await fetch(url, {
    headers: { Accept: 'application/json' },
    cache: 'no-store',
    signal: AbortSignal.timeout(patience),
  }).catch(() => {
    throw new NoChat('The portal cannot be reached.')
  })
  const { status, ok } = response
  if (status === 401 || status === 403) throw new NoChat('You are not signed in any more.', 'signed-out')
  if (status >= 400 && status < 500 && status !== 408 && status !== 429)
    throw new NoChat(`The portal has no chat for this page (HTTP ${status}).`, 'refused')
  const seconds = Number(response.headers.get('Retry-After'))
  const binding: Binding | undefined = ok ? await response.json().catch(() => undefined) : undefined
  if (typeof binding?.jid !== 'string')
    throw new NoChat('There is no chat at the moment.', undefined, seconds > 0 ? seconds : undefined)
  return binding
}
