import { type Row, toRows } from './rows.js'

export class LastReload {
  #isSuccessful = true
  #succeededAt = Date.now()

  ended(isSuccessful: boolean): void {
    this.#isSuccessful = isSuccessful
    if (isSuccessful) this.#succeededAt = Date.now()
  }

  get rows(): readonly Row[] {
    return toRows({
      last_reload_successful: [
        'Whether the last reload of the settings succeeded (1) or failed (0). If it failed, see the log: a restart may fail too.',
        () => Number(this.#isSuccessful),
      ],
      last_reload_success_timestamp_seconds: [
        'Time of the last successful start or reload, in seconds since 1970.',
        () => this.#succeededAt / 1000,
      ],
    })
  }
}
