import type { Row } from './rows.js'

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
        help: 'Whether the last reload of the settings succeeded (1) or failed (0). If it failed, a restart would fail too.',
        labels: [],
        read: () => [[{}, Number(this.#isSuccessful)]],
      },
      {
        name: 'last_reload_success_timestamp_seconds',
        type: 'gauge',
        help: 'Time of the last successful start or reload, in seconds since 1970.',
        labels: [],
        read: () => [[{}, this.#succeededAt / 1000]],
      },
    ]
  }
}
