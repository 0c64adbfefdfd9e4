// What portals' backends call the service with, in whatever language.

export type BackendCall = readonly [
  name: 'warm' | 'resume' | 'session' | 'end' | 'sessions' | 'endAll' | 'endVisit',
  ...given: (string | object)[],
]

export interface BackendLimits {
  readonly timeoutSeconds?: number
  readonly totalSeconds?: number
  readonly attempts?: number
}

export interface BackendError {
  readonly code: string
  readonly detail: string
  readonly advice: string | null
  readonly retry: boolean
  readonly status: number | null
  readonly instance: string | null
  readonly retryAfter: number | null
}

export interface Outcome {
  /** null where there was none; sessions as a list. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever comes.
  readonly result?: any
  readonly error?: BackendError
  readonly shown?: string
}

export interface Backend {
  readonly language: string
  readonly packages: readonly string[]
  readonly program?: { compile(): Promise<unknown>; remove(): void }
  /** Calls the warm API at this address, one call after the other. */
  run(url: string, calls: readonly BackendCall[], limits?: BackendLimits): Promise<Outcome[]>
}

export const portal = { user: 'portal', secret: 'ch00se-a-secret' } as const
