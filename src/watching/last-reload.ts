import type { Row } from './rows.js'

/** The start counts as the first reload. */
export class LastReload {
  #isSuccessful = true
  #succeededAt = Date.now()

  ended(isSuccessful: boolean): void {
    this.#isSuccessful = isSuccessful
    if (isSuccessful) this.#succeededAt = Date.now()
  }

  get rows(): readonly Row[] {
    return [
      {
        name: 'last_reload_successful',
        type: 'gauge',
        help: 'Whether the last reload of the settings succeeded (1) or failed (0): a restart would fail then too.',
        labels: [],
        read: () => [[{}, Number(this.#isSuccessful)]],
      },
      {
        name: 'last_reload_success_timestamp_seconds',
        type: 'gauge',
        help: 'When the settings were last read with success, at the start or by a reload, in seconds since 1970.',
        labels: [],
        read: () => [[{}, this.#succeededAt / 1000]],
      },
    ]
  }
}
