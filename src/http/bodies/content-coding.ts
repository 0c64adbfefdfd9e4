const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/

/**
 * True if the body is compressed (RFC 9110 §8.4). libpurple writes a media type in `Content-Encoding`, which names no
 * coding.
 */
export function isCoded(header: string | undefined): boolean {
  if (header === undefined) return false
  const names = header.split(',').map(name => name.trim().toLowerCase())
  return names.some(name => name !== 'identity' && token.test(name))
}
