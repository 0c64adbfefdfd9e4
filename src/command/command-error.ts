export class CommandError extends Error {
  override readonly name: string = 'CommandError'
}

export class UsageError extends CommandError {
  override readonly name = 'UsageError'
}
