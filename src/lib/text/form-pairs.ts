import { attempt } from '../attempt.js'

/** Yields undefined for a broken percent escape. The WHATWG parser would silently return a changed password. */
export function* formPairs(text: string): Iterable<readonly [name: string | undefined, value: string | undefined]> {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals === -1) yield [decoded(pair), '']
    else yield [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))]
  }
}

function decoded(text: string): string | undefined {
  return /[%+]/.test(text) ? percentDecoded(text.replaceAll('+', ' ')) : text
}

export const percentDecoded = (text: string): string | undefined => attempt(() => decodeURIComponent(text))
