export class CommandError extends Error {
  override readonly name: string = 'CommandError'
}

/** A mistake in the command line. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError'
}
