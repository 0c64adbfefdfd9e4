import { Problem } from '../lib/errors.js'
import { StoreUnavailable } from './store.js'

const retryAfterSeconds = 2

export const storeProblem = () => new Problem('store-unavailable', { retryAfterSeconds })

export const unreachable = (process: string) =>
  new Problem('session-unreachable', { detail: `The process ${process} did not answer.` })

/** Rejects with the problem `store-unavailable` for callers of the API. */
export async function orStoreProblem<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof StoreUnavailable ? storeProblem() : error
  }
}
