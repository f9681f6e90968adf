/** Inputs that a run found and that are mended since, in base64. */
export const found: readonly { readonly target: string; readonly why: string; readonly input: string }[] = [
  {
    target: 'join token',
    why: 'addresses that are no UTF-8 were read as if they were the sign for that',
    input:
      'c2x1cnAtam9pbi0xLjc1OTk3NzZjMzA4NWUzZjlkYTBkMTMwNzFlYjBiNGFiNTBmZDJiZjY0YzA2ZGQ5MmMyMzY1YWYzYTMyOGVjYTMuYm5vYzNTbXd0NF9ST3ZURldZX3Y5TzhxbHhadVBLYnk1UHY4ellCUVdfRS43LkwybHdOQzgwTUM0MExqQXVNUzkwWTNBdk1DOXdNbkF2MFEuMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMC4wMDAwMDAwMA==',
  },
]
