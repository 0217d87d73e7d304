## node

# Sentences that still stand in the code.
inline = { $what }

## Sessions

peer-silent = { peer-the } sent nothing for { $seconds } s in stage { $stage }
    .try = run again; if it happens twice, ask the other side's operator whether its node runs
stopped = ended by { $signal }
    .try = start the command again when it may run
task-panicked = defect in Veilmatch: a task of this node's arithmetic failed
    .note = Nothing was published
    .try = report it with the version (`--version`) and the last lines of the log
few-rows = refused, { $eligible_text } eligible rows; a match needs at least { $n_min_text } (n_min)
    .try = run `check`, which counts by reason the rows left out
