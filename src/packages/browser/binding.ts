import { NoChat } from './failures.js'

/** The JSON answer of `POST /warm`, `POST /warm/{id}/resume` or `POST /connect`. Durations are in seconds. */
export interface Binding {
  readonly jid: string
  readonly sid: string
  readonly rid: number
  readonly url?: string
  readonly wait?: number
  readonly hold?: number
  readonly requests?: number
  readonly maxpause?: number
  /** True if the session existed before the call. */
  readonly resumed?: boolean
  /** Number of stanzas that earlier pages have certainly received. */
  readonly delivered?: number
  /** The rid of the last request that arrived from an earlier page. */
  readonly received?: number
  /** True if client states (XEP-0352) may be sent. */
  readonly csi?: boolean
  /** True if `<watch/>` may be sent, and the service then sends the state of its link to the XMPP server. */
  readonly link_state?: boolean
  /** A guest comes back with it. */
  readonly guest_token?: string
  readonly websocket?: { readonly url: string; readonly token: string }
}

const patience = 30_000

/** Codes of the XMPP server's refusals. */
const aboutAccount = /^(?:not-authorized|account-disabled|credentials-expired|authzid-refused)$/
const refusedAccount = 'The chat server refused your account. Please ask the support of this website.'
const wrongSetup = 'This website cannot open your chat. Please tell its support.'
const nothingSent = 'The portal sent no token or binding.'

export function absolute(address: string): URL {
  return new URL(address, document.baseURI)
}

/** Rejects if the function fails, or `isAnswer` is false. */
export async function callSource<Answer>(
  source: (tab: string) => Promise<Answer | undefined>,
  tab: string,
  isAnswer: (answer: Answer) => boolean,
): Promise<Answer> {
  // Plain JavaScript may return, or throw, without a promise.
  const answer = await (async () => source(tab))().catch((error?: Error) => {
    const isNamed = error?.message && !(error instanceof TypeError)
    // It may be a mistake in the page, which nobody would hear of.
    if (!isNamed) console.warn(error)
    throw new NoChat(isNamed ? error.message : 'The portal cannot be reached.')
  })
  if (answer === undefined) throw new NoChat('The chat has ended.', 'session-over')
  if (isAnswer(answer)) return answer
  console.warn(`refused: ${nothingSent}`)
  throw new NoChat(wrongSetup, 'refused')
}

export async function ask(url: URL, init: RequestInit = {}, whose = 'portal'): Promise<Response> {
  try {
    return await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(patience), ...init })
  } catch {
    throw new NoChat(`The ${whose} cannot be reached.`)
  }
}

/** Rejects if the answer is an error, or `read` returns nothing. */
export async function answerOf<Answer>(
  response: Response,
  read: (text: string) => Answer | undefined,
  isOfService = false,
): Promise<Answer> {
  const { status, ok, headers, redirected } = response
  const text = await response.text().catch(() => '')
  const answer = ok && read(text)
  if (answer) return answer
  // An empty text is no sign-in page: the connection may have broken.
  const isPage = ok && text && !isOfService
  const isSignInPage = isPage && redirected
  const why = isSignInPage ? 'The portal redirected. It should answer 401.' : nothingSent
  const { code = isSignInPage ? 'signed-out' : 'refused', detail = isPage && why } =
    (isOfService && readJson(text)) || {}
  const isSignedOut = isSignInPage || (!isOfService && /^40[13]/.test(`${status}`))
  const retryAfter = Number(headers.get('Retry-After')) || undefined
  // With this header, the service refuses a token that a new key may have signed.
  const isRefused = isPage || (/^4(?!08|29)/.test(`${status}`) && !(isOfService && retryAfter))
  if (detail || (isRefused && !isSignedOut)) console.warn(`${code}: ${detail || `HTTP ${status}`}`)
  if (isSignedOut) throw new NoChat('You are not signed in any more.', 'signed-out')
  if (isRefused) throw new NoChat(aboutAccount.test(code) ? refusedAccount : wrongSetup, code)
  throw new NoChat('There is no chat at the moment.', undefined, retryAfter)
}

export function readBinding(text: string): Binding | undefined {
  const binding = readJson(text)
  return isBinding(binding) ? binding : undefined
}

export const isBinding = (answer: Partial<Binding> | null): boolean => typeof answer?.jid === 'string'

// biome-ignore lint/suspicious/noExplicitAny: JSON of others.
export function readJson(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
