/** PIPE_BUF of Linux. Workers that share a pipe would mix longer lines. */
const mostBytes = 4_096
/** In UTF-16 units. */
const longestTexts = [256, 64, 16]
const mostItems = 10
const always: ReadonlySet<string> = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'node',
  'worker',
  'audit',
  'part',
  'msg',
])

/** Shortened texts end with `…`, and the line gets `"cut":true`. */
export function shortLine(line: string): string {
  if (fits(line)) return line
  const fields = JSON.parse(line)
  for (const longest of longestTexts) {
    const shorter = written(fields, (_name, value) => cutTo(longest, value))
    if (fits(shorter)) return shorter
  }
  return written(fields, (name, value) => (name === '' || always.has(name) ? cutTo(256, value) : undefined))
}

const fits = (line: string) => line.length * 3 <= mostBytes || Buffer.byteLength(line) <= mostBytes

const written = (fields: object, replace: (name: string, value: unknown) => unknown) =>
  `${JSON.stringify({ ...fields, cut: true }, replace)}\n`

function cutTo(longest: number, value: unknown): unknown {
  if (typeof value === 'string' && value.length > longest) return `${value.slice(0, longest).toWellFormed()}…`
  return Array.isArray(value) && value.length > mostItems ? [...value.slice(0, mostItems), '…'] : value
}
