export const debianPackages: readonly string[]

/** The Debian packages among `names` that are not installed. */
export function missingPackages(names: readonly string[]): string[]

/**
 * Installs those of the Debian packages that are missing, without starting a service of theirs.
 * Never rejects: `why` says in words what is missing and why it could not be installed.
 */
export function ensurePackages(names: readonly string[]): Promise<{ ok: true } | { ok: false; why: string }>
