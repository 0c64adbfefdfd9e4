/** `::1` for `[::1]`, as URLs write it. */
export const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')
