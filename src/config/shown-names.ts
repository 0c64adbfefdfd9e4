const longest = 40

const likeSetting = /^[A-Z]{2,}(?:_[A-Z]+)*(?:_?\d{1,2})?$/

/** Whether a message may show an unknown name of an env file. The rest of a line that was broken could be a secret. */
export function mayShow(name: string): boolean {
  return name.length <= longest && likeSetting.test(name)
}
