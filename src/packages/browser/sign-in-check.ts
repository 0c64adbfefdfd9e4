import { findSignOut, type Source } from './source.js'

export interface CheckOptions {
  /**
   * Seconds between requests for a token or binding that only ask whether the user is signed in. Default: none. For a
   * check, the function `binding` gets an empty name, and the URL `binding` an empty `tab`.
   */
  readonly checkEvery?: number
}

/** A limit is needed, because timers of more than 24 days fire at once. */
const mostSeconds = 86_400

/** `session` returns undefined if there is nothing to end. Clear the returned timer. */
export function checkSignIn(
  options: Source & CheckOptions,
  session: () => unknown,
  end: (code: string, reason: string) => void,
): ReturnType<typeof setInterval> | undefined {
  const { checkEvery = 0 } = options
  if (!(checkEvery >= 1)) {
    if (checkEvery) console.error('checkEvery must be a number of seconds, 1 or more.')
    return undefined
  }
  const check = async () => {
    const checked = session()
    const found = checked ? await findSignOut(options) : undefined
    // A newer session has asked the portal itself.
    if (found && checked === session()) end(found.code!, found.message)
  }
  return setInterval(check, Math.min(checkEvery, mostSeconds) * 1000)
}
