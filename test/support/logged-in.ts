import type { LoggedIn } from '../../src/session/sessions.js'

/** A session whose login is done, as the warm API hands it over. */
export function loggedIn(seconds: number, more: Partial<LoggedIn> = {}): LoggedIn {
  return { jid: 'juliet@chat.example/balcony', seconds, strays: [], attachBinding: 'off', ...more }
}
