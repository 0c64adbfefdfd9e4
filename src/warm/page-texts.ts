import type { SessionState } from '../store/store.js'

export const meanings: Readonly<Record<SessionState, string>> = {
  opening: 'The login is not done. If the client logs in by itself, the user is not known yet.',
  waiting: 'The session waits for the first request of its page.',
  held: 'The page has a request or a WebSocket open.',
  quiet: 'The page has no request open.',
  paused: 'The page has announced a pause.',
  ended: 'The session has ended. The page gets the reason with its next request.',
  elsewhere: 'The page uses another endpoint. This service cannot show, resume or end the session.',
}

export const stateTexts: Readonly<Record<SessionState, string>> = {
  opening: 'logging in',
  waiting: 'no page yet',
  held: 'connected',
  quiet: 'page away',
  paused: 'paused',
  ended: 'ended',
  elsewhere: 'elsewhere',
}

export const transportTexts = { bosh: 'BOSH', websocket: 'WebSocket' } as const

export const grouped = (count: number) => count.toLocaleString('en')

export const countedSessions = (count: number) => `${grouped(count)} session${count === 1 ? '' : 's'}`

export function duration(seconds: number): string {
  const rest = seconds % 60
  if (seconds < 60 || seconds >= 3600 || rest === 0) return span(seconds)
  return `${span(seconds)} ${rest} s`
}

export function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
