const runLength = 1024

/** Sorts, and yields often, so that other work can run. An `undefined` item only yields. */
export function* sorted<T>(
  items: Iterable<T | undefined>,
  compare: (a: T, b: T) => number,
): Generator<undefined, readonly T[]> {
  let runs: T[][] = []
  let run: T[] = []
  for (const item of items) {
    if (item === undefined) yield
    else if (run.push(item) === runLength) {
      runs.push(run.sort(compare))
      run = []
      yield
    }
  }
  runs.push(run.sort(compare))
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      const [first, second] = [runs[at]!, runs[at + 1]]
      merged.push(second === undefined ? first : yield* merge(first, second, compare))
    }
    runs = merged
  }
  return runs[0]!
}

function* merge<T>(
  first: readonly T[],
  second: readonly T[],
  compare: (a: T, b: T) => number,
): Generator<undefined, T[]> {
  const merged: T[] = []
  let [a, b] = [0, 0]
  while (a < first.length && b < second.length) {
    merged.push(compare(first[a]!, second[b]!) <= 0 ? first[a++]! : second[b++]!)
    if (merged.length % runLength === 0) yield
  }
  while (a < first.length) merged.push(first[a++]!)
  while (b < second.length) merged.push(second[b++]!)
  return merged
}
