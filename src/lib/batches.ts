/** Reads the items of a batch when it is taken. A batch is also full if its items have `most` characters. */
export function* batches<T>(
  items: Iterable<T>,
  size: number,
  most = Number.POSITIVE_INFINITY,
  lengthOf: (item: T) => number = () => 0,
): Generator<T[], void> {
  let batch: T[] = []
  let length = 0
  for (const item of items) {
    batch.push(item)
    length += lengthOf(item)
    if (batch.length < size && length < most) continue
    yield batch
    batch = []
    length = 0
  }
  if (batch.length > 0) yield batch
}
