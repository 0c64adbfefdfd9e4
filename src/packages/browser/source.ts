import { absolute, answerOf, ask, type Binding, callSource, readBinding, readJson } from './binding.js'
import type { NoChat } from './failures.js'

/** `null` answers a check (`checkEvery`) of a signed-in user. */
export type BindingSource = string | ((tab: string) => Promise<Binding | null | undefined>)

export type TokenSource = string | (() => Promise<string | undefined>)

interface BindingOptions {
  /** Backend URL, or a function that resolves with a binding (undefined ends the chat). */
  readonly binding: BindingSource
  readonly service?: undefined
}

interface ServiceOptions {
  /** Base URL of the service, such as `https://chat.example.org`. */
  readonly service: string
  /**
   * Portal URL that returns a JWT or `{ "token": … }`, or a function that resolves with a JWT (undefined ends the
   * chat).
   */
  readonly token: TokenSource
  /** PAGE_PATH of the service. Default: `/connect`. */
  readonly path?: string
  readonly binding?: undefined
}

export type Source = BindingOptions | ServiceOptions

export interface Located extends Binding {
  readonly url: string
}

export function memoryNameOf({ binding, service = '' }: Source): string {
  return typeof binding === 'string' ? binding : service
}

/** Rejects with `NoChat`. */
export async function askForBinding(source: Source, tab: string): Promise<Located> {
  const binding = await (source.service === undefined ? fromPortal(source.binding, tab) : fromService(source, tab))
  return { ...binding, url: absolute(binding.url ?? '/http-bind').href }
}

async function fromPortal(source: BindingSource, tab: string): Promise<Binding> {
  if (typeof source === 'function') return callSource(source as (tab: string) => Promise<Binding>, tab)
  const url = absolute(source)
  url.searchParams.set('tab', tab)
  return answerOf(await ask(url, { headers: { Accept: 'application/json' } }), readBinding)
}

async function fromService(source: ServiceOptions, tab: string): Promise<Binding> {
  const post = async () => call(source, 'POST', await askForToken(source.token), new URLSearchParams({ tab }))
  let response = await post()
  // The token may have expired, so `post` gets a new token.
  if (response.status === 401) response = await post()
  return answerOf(response, readBinding, true)
}

/**
 * Asks for a token or a binding, and resolves with the reason if the user is signed out. Other failures, and the answer
 * 204, say nothing about the user.
 */
export async function findSignOut(source: Source): Promise<NoChat | undefined> {
  try {
    await (source.service === undefined ? fromPortal(source.binding, '') : askForToken(source.token))
  } catch (error) {
    const failure = error as NoChat
    if (/^(signed-out|session-over)$/.test(failure.code!)) return failure
  }
  return undefined
}

/** Ends all sessions of the visit. Gets the token first, because `before` signs the user out. Rejects with `NoChat`. */
export async function endVisit(source: ServiceOptions, before: () => Promise<void>): Promise<void> {
  const token = await askForToken(source.token)
  await before()
  await answerOf(await call(source, 'DELETE', token), readJson, true)
}

async function askForToken(source: TokenSource): Promise<string> {
  return typeof source === 'function' ? callSource(source, '') : answerOf(await ask(absolute(source)), readToken)
}

function readToken(text: string): string | undefined {
  const token = readJson(text)?.token ?? text.trim()
  // The portal may send a sign-in page in place of a token.
  return /^[\w-]+(\.[\w-]+){2}$/.test(token) ? token : undefined
}

function call({ service, path = '/connect' }: ServiceOptions, method: string, token: string, body?: URLSearchParams) {
  const url = absolute(service.replace(/\/?$/, path))
  const headers = { Authorization: `Bearer ${token}` }
  return ask(url, { method, headers, body: body ?? null, keepalive: !body }, 'chat service')
}
