import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config.js'

type Slice = Record<string, unknown>

/**
 * `take` updates slices, such as `limits`, in place, so that holders of a slice read new values. A new slice is copied,
 * because those of `next` are frozen.
 */
export function createLiveConfig(first: Config): { readonly config: Config; take(next: Config): void } {
  const live = assign({}, first as unknown as Slice)
  return {
    config: live as unknown as Config,
    take: next => void assign(live, next as unknown as Slice),
  }
}

function assign(live: Slice, next: Slice): Slice {
  for (const name of new Set([...Object.keys(live), ...Object.keys(next)])) {
    const [before, after] = [live[name], next[name]]
    if (isSlice(before) && isSlice(after)) assign(before, after)
    else if (!isDeepStrictEqual(before, after)) live[name] = isSlice(after) ? assign({}, after) : after
  }
  return live
}

function isSlice(value: unknown): value is Slice {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
