/** The Debian packages among `names` that are not installed. */
export function missingPackages(names: readonly string[]): string[]
