// Made from `example-seed`: K(n) is the SHA-1 of K(n-1).
export const [k1, k2, k3, k4] = [
  '7d47ef6096ae3e2252e76781a69b6ba2d2a3b739',
  'e3f0a532e4c42ea0ddd0fbc493cab3484f0941ac',
  '1b890e8b5b84a77486c76a264c0a64700a47f603',
  'ad6d618c3ceeeb459e05d69b3604cd2b9bc5413d',
] as const
