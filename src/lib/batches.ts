/** Reads the items of a batch when it is taken. */
export function* batches<T>(items: Iterable<T>, size: number): Generator<T[], void> {
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
