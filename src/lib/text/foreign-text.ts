// Shortens foreign text, and replaces spaces and control characters, so that it cannot flood a log or forge a line.

const longest = 80
const most = 10

export function foreignText(text: string): string {
  const start = text
    .slice(0, longest)
    .toWellFormed()
    .replaceAll(/[\p{C}\p{Z}\ufffd]/gu, '?')
  return text.length > longest ? `${start}…` : start
}

export function foreignList(texts: readonly string[]): string {
  const shown = texts.slice(0, most).map(foreignText).join(', ')
  return texts.length > most ? `${shown} and ${texts.length - most} more` : shown
}
