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

## Progress

progress-line = { $parts }
progress-stage = { $stage }
progress-done = { $stage }: { $done_text }
progress-of-total = { $stage }: { $percent } % ({ $done_text } of { $total_text })
progress-rate = { $rate_text }/s
progress-left = { $seconds } s left
progress-waiting = waiting { $seconds } s, as the peer asks
progress-of = { $partner }: { $line }

standard-output-failed = cannot write to standard output: { $why }
    .try = look at what reads it
runtime-not-started = cannot start the runtime: { $why }

## check-config

config-from-file = { $name } = { $value }    ({ $file }, line { $line })
config-from-default = { $name } = { $value }    (default)
config-fault = fault: { $text }
config-fault-file = fault: { $file }: { $text }
config-fault-line = fault: { $file }, line { $line }: { $text }
config-fault-try = try: { $advice }
config-without-fault = no fault found in settings, keys and partners
config-faults = { $found ->
    [one] { $found_text } fault in settings, keys or partners
   *[other] { $found_text } faults in settings, keys or partners
 }
    .try = correct what is listed, and check again
