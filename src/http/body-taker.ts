/** Takes the body of a request. */
export interface BodyTaker {
  onData(chunk: Buffer): void
  /** All of it has come. */
  onEnd(): void
  /**
   * The connection is closed. Sometimes called as well where the reply has left, and the body was not complete then:
   * `writableFinished` of the response tells.
   */
  onGone(): void
}
