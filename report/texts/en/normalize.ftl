## normalize

rules-differ = the two nodes normalize by different rules, line { $line }: { $ours } here, { $theirs } there
    .try = use the same ruleset, options and version on both nodes, and accept a new invitation
rules-no-line = nothing
rules-unicode = the Unicode tables are not of the version the rules name
rules-vectors = a normalization vector file of this build cannot be read
rules-self-test = the normalizer does not give the pinned results

names-malformed = a name of digital IDs is neither `idfa`, `aaid` nor a cookie namespace of 1 to 64 letters, digits, `.`, `-` and `_`
names-twice = a name of digital IDs is there twice
