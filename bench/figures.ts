// What the parts of the benchmark find out.
import type { Comparison } from './comparison.js'
import type { Verdict } from './lines.js'
import type { Lag } from './processes.js'
import type { Figures } from './work.js'

/** Memory of a process at two numbers of sessions. */
export interface Weight {
  readonly sessions: readonly [number, number]
  /** Resident memory at these numbers, in KiB. */
  readonly residentKib: readonly [number, number]
  readonly kibPerSession: number
}

export interface IdleFigures {
  readonly service: Weight & { readonly lost: number }
  readonly floor: Weight
}

/** Of a held session: in one process, where there is another, and where the request is held by that one. */
export interface ElsewhereFigures {
  readonly alone: Weight
  readonly here: Weight
  readonly elsewhere: Weight
}

export interface SoakFigures {
  readonly sessions: number
  readonly seconds: number
  readonly lag: Lag
  /** Its operations are the messages. */
  readonly messages: Figures
}

/** What one function or package has of the time that the process was busy. */
export interface Share {
  readonly name: string
  readonly share: number
  readonly microsecondsPerOperation: number
}

export interface ProfileFigures {
  readonly title: string
  /** CPU time of the service, as the kernel counts it; the profiler's own is part of it. */
  readonly microsecondsPerOperation: number
  readonly byPackage: readonly Share[]
  readonly byFunction: readonly Share[]
}

/** Everything that one part of the benchmark found out. */
export interface PartResult {
  readonly verdicts: readonly Verdict[]
  readonly comparisons?: readonly Comparison[]
  readonly idle?: IdleFigures
  readonly soak?: SoakFigures
  readonly elsewhere?: ElsewhereFigures
  readonly profiles?: readonly ProfileFigures[]
}
