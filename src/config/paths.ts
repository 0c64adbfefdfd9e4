import type { Report } from './settings.js'

/** Stands for the XMPP domain of the HTTP host that a request came to. */
export const hostVariable = '$host'

/** Reads a path below which, or at which, an endpoint answers; `$host` may stand in it. */
export function readPath(text: string, report: Report): string | undefined {
  if (/^(\/([\w.~-]|\$host(?![\w-]))+)+$/.test(text) && !/\/\.\.?(\/|$)/.test(text)) return text
  return report('must look like /chat/warm: letters, digits, "-", ".", "_", "~", and no slash at the end')
}

/** Whether one path is, or lies inside, the other. */
export function overlap(path: string, other: string): boolean {
  const within = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer}/`)
  return within(path, other) || within(other, path)
}

/** Paths that are ours whatever the settings say. */
export const takenPaths = ['/assets', '/openapi.json', '/.well-known', '/healthz', '/readyz'] as const
