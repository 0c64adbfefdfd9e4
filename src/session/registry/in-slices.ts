const sliceMilliseconds = 5

let sliceEnds: number | undefined
let waiting: (() => void)[] = []

/** Runs long work in slices, so that other work can run in between. */
export async function inSlices<T>(work: Iterator<undefined, T, undefined>): Promise<T> {
  for (;;) {
    while (hasTime()) {
      const { done, value } = work.next()
      if (done === true) return value
    }
    await new Promise<void>(resolve => waiting.push(resolve))
  }
}

function hasTime(): boolean {
  const now = performance.now()
  if (sliceEnds === undefined) {
    sliceEnds = now + sliceMilliseconds
    setImmediate(beginSlice)
  }
  return now < sliceEnds
}

function beginSlice(): void {
  sliceEnds = undefined
  const resumed = waiting
  waiting = []
  for (const resume of resumed) resume()
}
