## provider


## Signs of damage in what is published

table-not-built = it is not the table that was built
table-frame-not-built = frame { $frame } is not as it was built
snapshot-not-here = it names no snapshot that is here
snapshot-not-signed = it is no signed snapshot
snapshot-not-ours = it is not what this node signed

## Objections

object-not-begun = { $why }; nothing was carried out yet

graph-nothing-published = { $path } has no line that may be published
    .try = mend what is left out most: { $reasons }
graph-reason = { $reason } { $count_text }
