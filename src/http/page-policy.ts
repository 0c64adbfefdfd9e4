// The Content-Security-Policy of our pages: no script or style stands in them, and none comes from elsewhere.
const base = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'"

/** That of a page without scripts. */
export const pagePolicy = `${base}; img-src 'self'`

/** That of a page that attaches to a session at `boshUrl`, an address that may be relative to the page. */
export function attachingPagePolicy(boshUrl: string): string {
  const origin = URL.canParse(boshUrl) ? ` ${new URL(boshUrl).origin}` : ''
  return `${base}; script-src 'self'; connect-src 'self'${origin}; img-src 'self'`
}

/**
 * Of what is never to be a page, though a browser may be made to show it: in it are things that others wrote. Nothing in
 * it runs or is loaded, it stands in no frame, and is of no origin. Names and values in turn.
 */
export const inertHeaders: readonly string[] = [
  ...['Cache-Control', 'no-store'],
  ...['Content-Security-Policy', "default-src 'none'; sandbox; frame-ancestors 'none'"],
  ...['X-Content-Type-Options', 'nosniff'],
]
