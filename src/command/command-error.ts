/** A message for the operator who typed the command. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
