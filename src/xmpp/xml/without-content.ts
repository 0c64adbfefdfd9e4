const startTag = /^<(?:[^<>"']|"[^"]*"|'[^']*')*>/
const longest = 4096

/** Returns an empty element with the start tag of `text`, or undefined if the tag is too long. */
export function withoutContent(text: string): string | undefined {
  const [tag] = startTag.exec(text.slice(0, longest)) ?? []
  return tag === undefined || tag.endsWith('/>') ? tag : `${tag.slice(0, -1)}/>`
}
