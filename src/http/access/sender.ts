import type { IncomingHttpHeaders } from 'node:http'

/** Distinguishes other sites (`elsewhere`), own pages (`here`), and programs (no `Origin`, no `Sec-Fetch-Site`). */
export function senderOf(
  { origin, host, 'sec-fetch-site': fetchSite }: IncomingHttpHeaders,
  externalUrl: string | undefined,
): 'program' | 'here' | 'elsewhere' {
  if (origin === undefined && fetchSite === undefined) return 'program'
  const siteFits = fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none'
  const originFits = origin === undefined || origin === 'null' || isOurs(origin, host, externalUrl)
  return siteFits && originFits ? 'here' : 'elsewhere'
}

function isOurs(origin: string, host: string | undefined, externalUrl: string | undefined): boolean {
  const sent = parse(origin)
  if (sent === undefined) return false
  if (externalUrl !== undefined && sent.origin === parse(externalUrl)?.origin) return true
  // Schemes are not compared, because the service does not know its public scheme behind a TLS proxy.
  return host !== undefined && sent.host === parse(`${sent.protocol}//${host}`)?.host
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
