## normalize

