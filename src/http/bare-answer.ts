import type { ServerResponse } from 'node:http'

/**
 * Of what is never to be a page, though a browser may be made to show it: in it are things that others wrote. Nothing in
 * it runs or is loaded, it stands in no frame, and is of no origin. Names and values in turn.
 */
export const inertHeaders: readonly string[] = [
  ...['Cache-Control', 'no-store'],
  ...['Content-Security-Policy', "default-src 'none'; sandbox; frame-ancestors 'none'"],
  ...['X-Content-Type-Options', 'nosniff'],
]

/** Answers with a status and no body; the names and values of further headers stand in turn. */
export function answerBare(res: ServerResponse, status: number, headers: readonly string[] = []): void {
  res.writeHead(status, ['Content-Length', '0', ...headers, ...inertHeaders]).end()
}
