export function unpackRelease(
  name: string,
  options?: { readonly packages: readonly string[]; readonly as: string },
): Promise<
  { readonly folder: string; readonly why?: undefined } | { readonly folder?: undefined; readonly why: string }
>
