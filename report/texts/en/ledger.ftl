## ledger

## Chains

ledger-storage = cannot read or write the ledger { $path }: { $why }
    .try = check space and health of the disk
ledger-chain = the ledger with { $partner } is broken at entry { $seq }
    .try = restore it from a copy, or adopt the partner's entries
ledger-damaged = the ledger { $path } is damaged
    .try = { try-adopt }
ledger-altered = the ledger { $path } was altered in its table `{ $table }`
    .try = { try-adopt }
ledger-gone = the ledger { $path } is gone, but { $trace } shows that there was one
    .try = put it back from a copy, or ask each partner for its `ledger export` and read it with `ledger adopt`
ledger-behind = the ledger with { $partner } ends at { $seq }, but it had { $anchored } entries: an older copy was put back
    .try = ask the partner for its `ledger export` and read it with `ledger adopt`
ledger-anchor = { $path } is damaged, or keys/storage.key is not the key it was written under
    .try = restore the file from a copy, or compare the ledger with each partner's and remove it
ledger-contradiction = this ledger and the other side's contradict each other at entry { $seq }
    .try = keep both exports and talk to { $partner }
ledger-version = the ledger { $path } has version { $version }
    .try = make the directory anew with this version, or use the program that wrote it
ledger-not-durable = commits do not last at { $path }
    .try = a local disk
ledger-follow = entry { $seq } does not follow the ledger with { $partner }
    .try = compare ledgers with the partner
try-adopt = restore it from a copy, or move it away and adopt the partners' entries with `ledger adopt`
session-state = { $state ->
    [running] running
    [done] done
    [failed] failed
    [interrupted] interrupted
   *[unopened] unopened
 }

## Evidence of a ledger

evidence-malformed = a message is malformed
evidence-party = it is of other parties
evidence-head = it does not follow the entry before it
evidence-session = its terms are of another session
evidence-signature = a signature does not verify
evidence-receipt = its receipt is of another session
evidence-not-proven = session { $session } of it: { $fault }
evidence-file-other = it is no export of a ledger of this version
evidence-file-damaged = it is cut or damaged
