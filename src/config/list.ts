/** The entries of a list as operators write it: spaces and empty entries do not count. */
export function readList(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
}
