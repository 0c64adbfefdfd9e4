/** RFC 6120 §4.9.3. */
export type XmlFault = 'not-well-formed' | 'restricted-xml' | 'policy-violation' | 'unsupported-encoding' | 'bad-format'

/** An error that names the broken rule, never the content. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
  constructor(
    readonly fault: XmlFault,
    message: string,
  ) {
    super(message)
  }
}
