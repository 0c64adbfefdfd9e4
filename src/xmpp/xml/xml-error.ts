/** What is wrong with a piece of XML, in the terms of RFC 6120 §4.9.3. */
export type XmlFault =
  | 'not-well-formed'
  | 'restricted-xml'
  | 'policy-violation'
  | 'unsupported-encoding'
  | 'bad-format'

/** Refused XML. Names the rule that was broken, never the content. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
  constructor(
    readonly fault: XmlFault,
    message: string,
  ) {
    super(message)
  }
}
