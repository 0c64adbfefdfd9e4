export const lettersOf = (name: string): string => name.replaceAll(/[-_. ]/g, '')

/** Levenshtein's distance. A transposition counts once. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  let previous = row
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (from[line - 1] === to[column - 1] ? 0 : 1)
      const areSwapped = line > 1 && from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1]
      const swapped = areSwapped ? previous[column - 2]! + 1 : Infinity
      next.push(Math.min(replaced, swapped, row[column]! + 1, next[column - 1]! + 1))
    }
    previous = row
    row = next
  }
  return row[to.length]!
}
