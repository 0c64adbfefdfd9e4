/** Why the command does not do what it was told, in words for the operator who typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}
