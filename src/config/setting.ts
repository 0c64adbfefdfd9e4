// Builds a row of the table of settings.
import type { Kind as AnyKind } from './kinds/kinds.js'

export type Setting = ReturnType<typeof at>

type Kind = AnyKind<unknown>
type Text = string | undefined

export function at<
  const Place extends Text,
  K extends Kind,
  const Default extends Text = undefined,
  Reloads extends boolean = false,
>(place: Place, kind: K, usual?: Default, reloads = false as Reloads) {
  return {
    /** Path in `Config`. Undefined for values that `joinedValues` combines. */
    at: place,
    kind,
    default: usual as Default,
    /** Whether SIGHUP changes the setting. */
    reloads,
  }
}

export const joined = <K extends Kind, const D extends Text = undefined>(kind: K, usual?: D) =>
  at<undefined, K, D>(undefined, kind, usual)

export const live = <const P extends Text, K extends Kind, const D extends Text = undefined>(
  place: P,
  kind: K,
  usual?: D,
) => at<P, K, D, true>(place, kind, usual, true)

export const liveJoined = <K extends Kind, const D extends Text = undefined>(kind: K, usual?: D) =>
  live<undefined, K, D>(undefined, kind, usual)
