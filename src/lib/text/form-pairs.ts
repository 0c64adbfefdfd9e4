/**
 * The pairs of a form or of a URL's query, decoded; undefined where a percent escape is broken or not UTF-8. Stricter than
 * the WHATWG's parser, which changes broken escapes: a password changed in silence fails with the wrong error.
 */
export function* formPairs(
  text: string,
): Iterable<readonly [name: string | undefined, value: string | undefined]> {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals === -1) yield [decoded(pair), '']
    else yield [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))]
  }
}

function decoded(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
