// Guests come back with a token, which all tabs of a browser share.
import { inStorage } from './page-memory.js'

export interface ServicePlace {
  /** Base URL of the service, such as `https://chat.example.org`. */
  readonly service: string
  /** PAGE_PATH of the service. Default: `/connect`. */
  readonly path?: string
  readonly binding?: undefined
}

export interface GuestOptions extends ServicePlace {
  /** The page's visitor has no account: the service has PAGE_GUESTS. */
  readonly guest: true
}

/** Tokens that could not be stored. */
const unstored = new Map<string, string>()

const keyOf = ({ service }: GuestOptions) => `warm-bindings guest ${service}`

export function guestToken(source: GuestOptions): string | undefined {
  const key = keyOf(source)
  return inStorage(() => localStorage[key]) ?? unstored.get(key)
}

export function keepGuest(source: GuestOptions, token: string): void {
  const key = keyOf(source)
  const stored = inStorage(() => (localStorage[key] = token))
  if (!stored) unstored.set(key, token)
}

export function forgetGuest(source: GuestOptions): void {
  const key = keyOf(source)
  unstored.delete(key)
  inStorage(() => delete localStorage[key])
}

/** Of tabs that open together, the first gets the guest, and the others use its token. Locks need a secure page. */
export function oneByOne<T>(source: GuestOptions, act: () => Promise<T>): Promise<T> {
  const { locks } = navigator
  return locks && !guestToken(source) ? (locks.request(keyOf(source), act) as Promise<T>) : act()
}
