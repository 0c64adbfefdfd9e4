/** How many processes have joined, by lines of the log. */
export function joinedIn(lines: readonly string[]): number {
  return lines
    .map(line => (line.startsWith('{') ? JSON.parse(line) : {}))
    .map(({ msg, count }) => (msg === 'a process has joined' ? 1 : msg === 'processes have joined' ? count : 0))
    .reduce((sum, count) => sum + count, 0)
}
