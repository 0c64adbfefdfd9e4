/** PIPE_BUF of Linux. Workers that share a pipe would mix longer lines. */
const mostBytes = 4_096
/** In UTF-16 units. */
const longestTexts = [256, 64, 16]
const mostItems = 10

/** Shortened texts end with `…`, and the line gets `"cut":true`. */
export function shortLine(line: string): string {
  if (fits(line)) return line
  const fields = { ...JSON.parse(line), cut: true }
  let shorter = line
  for (const longest of longestTexts) {
    shorter = `${JSON.stringify(fields, (_name, value) => cutTo(longest, value))}\n`
    if (fits(shorter)) break
  }
  return shorter
}

const fits = (line: string) => line.length * 3 <= mostBytes || Buffer.byteLength(line) <= mostBytes

function cutTo(longest: number, value: unknown): unknown {
  if (typeof value === 'string' && value.length > longest) return `${value.slice(0, longest).toWellFormed()}…`
  return Array.isArray(value) && value.length > mostItems ? [...value.slice(0, mostItems), '…'] : value
}
