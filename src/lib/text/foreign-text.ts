// What servers say, as operators are shown it: attackers may want to fill a log, or to pass for a line of it.

/** Longest word of a server's that is shown, in UTF-16 units, and how many of a list. */
const longest = 80
const most = 10

/** Text of a server's on one line: short, and without what controls how it is shown. */
export function foreignText(text: string): string {
  const start = text
    .slice(0, longest)
    .toWellFormed()
    .replaceAll(/[\p{C}\p{Z}\ufffd]/gu, '?')
  return text.length > longest ? `${start}…` : start
}

/** The first of a list of such texts, and how many more there are. */
export function foreignList(texts: readonly string[]): string {
  const shown = texts.slice(0, most).map(foreignText).join(', ')
  return texts.length > most ? `${shown} and ${texts.length - most} more` : shown
}
