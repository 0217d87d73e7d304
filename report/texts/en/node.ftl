## node

## Sessions

peer-silent = { peer-the } sent nothing for { $seconds } s in stage { $stage }
    .try = run again; if it happens twice, ask the other side's operator whether its node runs
stopped = ended by { $signal }
    .try = start the command again when it may run
few-rows = refused, { $eligible_text } eligible rows; a match needs at least { $n_min_text } (n_min)
    .try = run `check`, which counts by reason the rows left out

## Progress

progress-line = { $parts }
progress-stage = { $stage }
progress-done = { $stage }  { $unit ->
    [bytes] { $done }
    [rows] { $done_text } rows
    [identifiers] { $done_text } identifiers
    [tags] { $done_text } tags
   *[elements] { $done_text } elements
 }
progress-of-total = { $stage } { $percent } %  { $unit ->
    [bytes] { $done } of { $total }
    [rows] { $done_text } of { $total_text } rows
    [identifiers] { $done_text } of { $total_text } identifiers
    [tags] { $done_text } of { $total_text } tags
   *[elements] { $done_text } of { $total_text } elements
 }
progress-rate = { $unit ->
    [bytes] { $rate }/s
   *[other] { $rate_text }/s
 }
progress-left = { $seconds } s left
progress-waiting = waiting { $seconds } s, as the peer asks
progress-slot = all is counted; waiting { $seconds } s more, so that the time tells the peer nothing
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
config-without-fault = no fault found in settings, keys, maps and partners
config-faults = { $found ->
    [one] { $found_text } fault in settings, keys, maps or partners
   *[other] { $found_text } faults in settings, keys, maps or partners
 }
    .try = correct what is listed, and check again

## Questions about this machine

confirm = { $question } [y/n]
confirm-needed = this has to be confirmed: { $question }
    .try = add --yes, or run the command at a terminal

## A node's directory

dir-unknown = no directory of a node is named, and no home of a user is known
    .try = name it with --dir or VEILMATCH_DIR
usage-one-file = several files are named, and this command reads one
    .try = give them one after the other

home-not-a-node = { $path } holds no { $role } node
    .try = make one with `{ $role }-node init --dir { $path }`
home-other-role = { $path } is the directory of a node of the other role
    .try = name that of your { $role } node with --dir or VEILMATCH_DIR
home-other-version = { $path } was made by another version than { $version }, which this program has, and nothing in it is converted
    .try = make the node anew with `{ $role }-node init` in an empty directory, and exchange identities and invitations again
home-keys-changed = the keys in keys/ are not those that { $path } shows
    .try = restore keys/attestation.key, keys/tls.key or that file from the backup, whichever changed
try-restore-storage-key = restore the storage key from your backup
no-room = { $path } has { $free_text } MiB free, and the session would write up to { $needed_text } MiB
    .try = free some space there, then run again; nothing was charged
signals-unheard = cannot listen to signals: { $why }
    .try = { try-disk }

## Files that people write

settings-unreadable = cannot read { $path }: { $why }
    .try = restore the file, or make a node in a new directory
settings-invalid = { $path }: { $fault }
fault-at-line = line { $line }: { $fault }
setting-must-be = `{ $name }` must be { $allowed }
    .try = correct the line
setting-of-other-node = `{ $name }` is a setting of the { $role }'s node
    .try = delete the line, here it would do nothing
setting-of-map = `{ $name }` is said by a map
    .try = delete the line; `{ $role }-node map FILE` writes a map
setting-renamed-group-min = `{ $name }` is called `group_min` now
    .try = write `group_min` in its place
setting-of-provider = `{ $name }` is the provider’s alone: digital IDs are released under one condition for a whole group
    .try = delete the line
setting-unknown = `{ $name }` is no setting of this file
    .try = delete or correct the line
setting-missing = `{ $name }` is missing
    .try = add a line that begins `{ $name } = `
setting-twice = `{ $name }` is set twice
    .try = delete the line
setting-not-toml = not TOML: { $why }
    .try = write `name = value`, text in quotes
setting-mistyped = `{ $name }` is { $is }
    .try = write `{ $name } = { $instead }`
setting-mistyped-unnamed = a value here is { $is }
    .try = write `{ $instead }`
# After “is”.
setting-number = a number
setting-number-to = a number of 0 to { $most }
setting-text = text in quotes
setting-truth = `true` or `false`
setting-list = a list
setting-of-kind = { $kind }
# After “must be”.
allowed-two = "{ $a }" or "{ $b }"
allowed-three = "{ $a }", "{ $b }" or "{ $c }"
allowed-digest = 64 hexadecimal digits in lower case, as `map` prints them
allowed-path = the path of a file
allowed-range = between { $least } and { $most }
allowed-at-least = at least { $least }
allowed-most = at most { $most }
allowed-epsilon = 125, 250, 500 or 1000, or 0 for no noise
# After “write”.
write-between = { $least } to { $most }
write-least = { $least } or more

## Invitation

# $problem goes on after the name of the field.
invitation-field = invitation: { $field } { $problem }
invitation-identity = invitation: { $field }: { $why }
    .try = ask your partner for the file again, as it was written
invitation-syntax = invitation, line { $line }: { $why }
    .try = ask your partner for the file again; if you changed it, undo that
invitation-version = invitation: format { $format }, this version reads { $ours }; none is converted
    .try = have the provider make the invitation anew with the version that both nodes run
invitation-too-large = { $path } is above a mebibyte and no invitation
    .try = name the file that your provider sent
invitation-unreadable = cannot read { $path }: { $why }
    .try = name a file that exists and that you may read
invitation-address = is "{ $value }"
    .try = write host:port, for example provider.example:4433
invitation-name = is "{ $value }"
    .try = choose 1 to 64 printable characters
invitation-notice = is "{ $value }"
    .try = write the SHA-256 of the contract as 64 hexadecimal digits
invitation-own-identity = is the provider's own identity
    .try = invite the identity that `advertiser-node init` printed
invitation-bytes = has { $bytes_text } bytes
    .try = have the invitation written again by `provider-node invite`
invitation-minima = are n_min { $n_min }, k_min { $k_min }, group_min { $group_min }
    .try = keep each above 0, and n_min at least k_min
invitation-level = is { $level }
    .try = write 0 for individual links only, 1 for household links too
invitation-table = names a table of { $tags } tags, which no table has
    .try = ask for the invitation again
invitation-guardrail = have a wrong { $name }
    .try = write { $allowed }
invitation-unknown = names "{ $value }", which this version does not know
    .try = { try-upgrade }
invitation-no-run = names { $value }, which no run can have
    .try = { try-upgrade }
invitation-entries = has { $entries_text } entries, or one twice
    .try = list 1 to 16 different ones
invitation-numbers = has { $entries_text } entries, or one number twice
    .try = list at most 16, each with a number of its own
invitation-namespace = has a name "{ $value }"
    .try = choose idfa, aaid, and namespaces of lower-case letters, digits, '.', '-', '_'
invitation-number = gives "{ $value }" the number { $number }
    .try = keep 1 for idfa and 2 for aaid, and numbers from 256 for cookies
try-upgrade = compare the versions of both nodes (`--version`) and upgrade the older one

## Sessions of a node

sessions-none = no session yet
sessions-last = last sessions, newest first:
# The texts of the states have one width.
sessions-row = { $started }  { $state ->
    [running] running{ "    " }
    [done] done{ "       " }
    [failed] failed{ "     " }
    [interrupted] interrupted
   *[unopened] unopened{ "   " }
 }  { $profile }  { $elements } elements  { $session }  { $partner }  { $outcome }

## Ledger

ledger-without-partner = this node has no partner yet, hence no ledger
    .try = accept an invitation, or invite a partner
ledger-no-such-party = no party is called { $party }
    .try = this node has: { $names }
ledger-several-parties = there are several parties
    .try = choose one with --party: { $names }
ledger-empty = ledger with { $partner }: no entry yet
ledger-entries = ledger with { $partner }: { $entries ->
    [one] { $entries_text } entry
   *[other] { $entries_text } entries
 }, head { $head }
ledger-entry = { $seq }  { $kind }  { $profile }  { $evaluations } evaluations  { $at }  session { $session }  { $signed ->
    [both] signed by both
    [us] signed by us, and named by them as their head
   *[offered] offered by us, not answered
 }
ledger-proves-nothing = the ledger does not prove itself: { $fault }
    .try = { try-disk }
ledger-written = wrote { $entries ->
    [one] { $entries_text } entry
   *[other] { $entries_text } entries
 } to { $output }
ledger-next-give = Next: give the file to { $partner }, who runs `ledger compare FILE` or `ledger adopt FILE`
ledger-ends = this ledger ends at { $ours }, theirs at { $theirs }; both signed { $agreed }
ledger-missing-here = theirs has entries { $first } to { $last } that are missing here
ledger-next-adopt = Next: ledger adopt { $file }
ledger-missing-there = theirs lacks entries of this one
ledger-next-export = Next: ledger export -o FILE, and let them adopt it
ledger-same = the two are the same
ledger-one-sided = entries after { $last } are signed by one side only, and prove nothing
ledger-adopted = adopted entries { $first } to { $last }; the ledger with { $partner } ends at { $last }
ledger-nothing-to-adopt = nothing to adopt: the ledger with { $partner } ends at { $ours }, theirs at { $theirs }
ledger-one-sided-left = entries after { $last } are signed by one side only, and were not taken
ledger-file-refused = { $file }: { $why }
    .try = ask for the file again: `ledger export -o FILE` on the other node
ledger-file-too-large = it is too large
ledger-file-unreadable = cannot be read: { $why }
ledger-file-of-others = it is the ledger of two other parties

## Pages of the manual

page-name = NAME
page-synopsis = SYNOPSIS
page-description = DESCRIPTION
page-arguments = ARGUMENTS
page-options = OPTIONS
page-commands = COMMANDS
