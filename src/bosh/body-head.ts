/** What the beginning of a request tells of the session that it belongs to. */
export interface BodyHead {
  readonly sid: string | undefined
  readonly rid: number | undefined
}

const start = /<body(?=\s)/g
const attribute = /\s+([^\s=>/]+)\s*=\s*(?:'([^'<]*)'|"([^"<]*)")/y

/** Reads what there is of a `<body/>` that may be cut off anywhere. Each character is looked at a few times, no more. */
export function readBodyHead(head: string): BodyHead {
  let sid: string | undefined
  let rid: number | undefined
  start.lastIndex = 0
  if (start.test(head)) {
    attribute.lastIndex = start.lastIndex
    for (let found = attribute.exec(head); found !== null; found = attribute.exec(head)) {
      const [, name, single, double] = found
      const value = single ?? double!
      if (name === 'sid') sid ??= value
      else if (name === 'rid' && /^\d{1,16}$/.test(value)) rid ??= Number(value)
    }
  }
  return { sid, rid }
}
