/** Upper bounds of the buckets, in seconds. */
export const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** A histogram for hot paths: `add` allocates nothing. */
export class Durations {
  readonly buckets = new Float64Array(durationBounds.length + 1)
  sum = 0

  add(seconds: number): void {
    let bucket = 0
    while (seconds > durationBounds[bucket]!) bucket += 1
    this.buckets[bucket]! += 1
    this.sum += seconds
  }
}
