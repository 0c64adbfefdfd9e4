const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const noCoding = /^(identity|none|binary|[78]bit|utf-?8|us-ascii)$/

/**
 * True if the body is compressed (RFC 9110 §8.4). Old clients write charsets in `Content-Encoding`, transfer encodings
 * of mail or, as libpurple, a media type. They name no coding.
 */
export function isCoded(header: string | undefined): boolean {
  if (header === undefined) return false
  const names = header.split(',').map(name => name.trim().toLowerCase())
  return names.some(name => !noCoding.test(name) && token.test(name))
}
