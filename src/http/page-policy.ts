// The Content-Security-Policy of our pages: no script or style stands in them, and none comes from elsewhere.
const base = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'"

/** That of a page without scripts. */
export const pagePolicy = `${base}; img-src 'self'`

/** That of a page that attaches to a session at `boshUrl`, an address that may be relative to the page. */
export function attachingPagePolicy(boshUrl: string): string {
  const origin = URL.canParse(boshUrl) ? ` ${new URL(boshUrl).origin}` : ''
  return `${base}; script-src 'self'; connect-src 'self'${origin}; img-src 'self'`
}
