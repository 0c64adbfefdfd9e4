import { absolute, answerOf, ask, type Binding, callSource, isBinding, readBinding, readJson } from './binding.js'
import type { NoChat } from './failures.js'
import { forgetGuest, type GuestOptions, guestToken, keepGuest, oneByOne, type ServicePlace } from './guest.js'

/** `null` answers a check (`checkEvery`) of a signed-in user. */
export type BindingSource = string | ((tab: string) => Promise<Binding | null | undefined>)

export type TokenSource = string | (() => Promise<string | undefined>)

interface BindingOptions {
  readonly guest?: undefined
  /** Backend URL, or a function that resolves with a binding (undefined ends the chat). */
  readonly binding: BindingSource
  readonly service?: undefined
}

interface ServiceOptions extends ServicePlace {
  /**
   * Portal URL that returns a JWT or `{ "token": … }`, or a function that resolves with a JWT (undefined ends the
   * chat).
   */
  readonly token: TokenSource
  readonly guest?: undefined
}

type OfService = ServiceOptions | GuestOptions

export type Source = BindingOptions | OfService

export interface Located extends Binding {
  readonly url: string
}

export function memoryNameOf({ binding, guest, service = '' }: Source): string {
  // A guest sends nothing that a user of the portal has written in this tab.
  return typeof binding === 'string' ? binding : `${guest ? 'guest ' : ''}${service}`
}

/** Rejects with `NoChat`. */
export async function askForBinding(source: Source, tab: string): Promise<Located> {
  const binding = await (source.service === undefined ? fromPortal(source.binding, tab) : fromService(source, tab))
  return { ...binding, url: absolute(binding.url ?? '/http-bind').href }
}

async function fromPortal(source: BindingSource, tab: string): Promise<Binding> {
  if (typeof source === 'function')
    return callSource(source as (tab: string) => Promise<Binding>, tab, answer => !tab || isBinding(answer))
  const url = absolute(source)
  url.searchParams.set('tab', tab)
  return answerOf(await ask(url, { headers: { Accept: 'application/json' } }), readBinding)
}

async function fromService(source: OfService, tab: string): Promise<Binding> {
  const ask = async (isLast: boolean) => {
    const token = await tokenOf(source)
    const response = await call(source, 'POST', token, new URLSearchParams({ tab }))
    // The token may have expired: the next call gets a new token, or a new guest.
    if (response.status === 401 && !isLast) {
      // Another tab may have a new guest already.
      if (source.guest && guestToken(source) === token) forgetGuest(source)
      return undefined
    }
    const binding = await answerOf(response, readBinding, true)
    if (source.guest && binding.guest_token) keepGuest(source, binding.guest_token)
    return binding
  }
  const turn = (isLast: boolean) => (source.guest ? oneByOne(source, () => ask(isLast)) : ask(isLast))
  return (await turn(false)) ?? ((await turn(true)) as Binding)
}

/**
 * Asks for a token or a binding, and resolves with the reason if the user is signed out. Other failures, and the answer
 * 204, say nothing about the user.
 */
export async function findSignOut(source: Source): Promise<NoChat | undefined> {
  try {
    await (source.service === undefined ? fromPortal(source.binding, '') : tokenOf(source))
  } catch (error) {
    const failure = error as NoChat
    if (/^(signed-out|session-over)$/.test(failure.code!)) return failure
  }
  return undefined
}

/** Ends all sessions of the visit. Gets the token first, because `before` signs the user out. Rejects with `NoChat`. */
export async function endVisit(source: OfService, before: () => Promise<void>): Promise<void> {
  const token = await tokenOf(source)
  await before()
  if (source.guest) forgetGuest(source)
  // Anonymous guests have no token, and end with their session.
  if (token) await answerOf(await call(source, 'DELETE', token), readJson, true)
}

async function tokenOf(source: OfService): Promise<string | undefined> {
  if (source.guest) return guestToken(source)
  const { token } = source
  return typeof token === 'function' ? callSource(token, '', isToken) : answerOf(await ask(absolute(token)), readToken)
}

/** By RFC 6750 §2.1: `fetch` throws at line breaks, and without a token the user would be a guest. */
const isToken = (token: unknown) => typeof token === 'string' && /^[\w.~+/-]+=*$/.test(token)

function readToken(text: string): string | undefined {
  const token = readJson(text)?.token ?? text.trim()
  // The portal may send a sign-in page in place of a token.
  return /^[\w-]+(\.[\w-]+){2}$/.test(token) ? token : undefined
}

function call({ service, path = '/connect' }: OfService, method: string, token?: string, body?: URLSearchParams) {
  const url = absolute(service.replace(/\/?$/, path))
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  return ask(url, { method, headers, body: body ?? null, keepalive: !body }, 'chat service')
}
