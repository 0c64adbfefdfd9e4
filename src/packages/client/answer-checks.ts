import type { Binding, Ended, Session, SessionList } from './api-types.js'

/** An answer without a body is undefined. */
export type Check<T> = (answer: unknown) => answer is T

type Fields = Readonly<Record<string, unknown>> | undefined

export function isBinding(answer: unknown): answer is Binding {
  return hasTexts(answer, 'id', 'jid', 'sid') && Number.isSafeInteger((answer as Fields)?.['rid'])
}

export function isSession(answer: unknown): answer is Session {
  return hasTexts(answer, 'id')
}

export function isSessionList(answer: unknown): answer is SessionList {
  const { sessions, next } = (answer as Fields) ?? {}
  if (!Array.isArray(sessions) || !sessions.every(isSession)) return false
  // Only the last part of a list may have no sessions.
  return next === undefined || (typeof next === 'string' && sessions.length > 0)
}

export function isEnded(answer: unknown): answer is Ended {
  return typeof (answer as Fields)?.['ended'] === 'number'
}

export function isNothing(answer: unknown): answer is undefined {
  return answer === undefined
}

function hasTexts(answer: unknown, ...names: readonly string[]): boolean {
  return names.every(name => typeof (answer as Fields)?.[name] === 'string')
}
