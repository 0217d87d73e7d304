## Failures: three lines

failure-what = error { $code }: { $what }
failure-whose = whose move: { $whose }
failure-try = try: { $advice }
whose-and-note = { $whose }. { $note }

whose-you = yours
whose-peer = { $peer ->
    [provider] the provider's
    [advertiser] the advertiser's
   *[other] the other node's
 }
whose-you-or-peer = { $peer ->
    [provider] yours or the provider's
    [advertiser] yours or the advertiser's
   *[other] yours or the other node's
 }
whose-you-and-peer = { $peer ->
    [provider] yours and the provider's together
    [advertiser] yours and the advertiser's together
   *[other] yours and the other node's together
 }
whose-advertiser = { $own ->
    [advertiser] yours
   *[other] the advertiser's
 }
whose-provider = { $own ->
    [provider] yours
   *[other] the provider's
 }
whose-auditor = the auditor's
whose-giver = that of whoever gave you the package
whose-developers = the developers'
whose-nobody = nobody's

## Exit statuses, for the manual

exit-0 = a verified result is written; for the auditor, every check passed
exit-1 = auditor: a check failed
    .try = read the lines marked `FAIL`: who signed what fails stands below each
exit-2 = command line
    .try = correct the command line
exit-3 = auditor: no check failed; the session ended early, or something could not be checked
    .try = read the verdict and the lines marked `--`
exit-65 = input data refused: its form, no eligible row, fewer than `n_min`
    .try = mend the file at the line named; nothing was sent
exit-66 = an input is absent or empty
    .try = wait for the export
exit-69 = version, suite, rules, kinds, terms, ledgers or channel differ
    .try = both operators talk
exit-70 = a defect in Veilmatch
    .try = report it
exit-73 = an output was refused or could not be written
    .try = name another place; a result that was paid for is kept
exit-74 = local storage: an I/O error, stored data that changed
    .try = disk, permissions
exit-75 = not now: network lost or too slow, peer busy, a lock held by another run, a table or key that is not ready
    .try = start a new run; a session is not resumed in this version, and one that had reserved evaluations stays charged
exit-76 = the peer broke the protocol
    .try = keep the session directory; do not repeat the run
exit-77 = a policy, a suspension, a clock or a certificate says no
    .try = not a failure; the message says which
exit-78 = configuration, key files, or something the operator has to do first
    .try = the message says the fix
exit-80 = done in part, the rest is listed
    .try = mend what is listed, and do it again
exit-81 = the result is withheld, or its release was declined: charged, no result
    .try = nothing
exit-82 = a budget is spent
    .try = wait until it renews
exit-83 = the peer is not the pinned party, or this node is not known there
    .try = both operators talk
exit-129 = SIGHUP ended the program
    .try = start it again
exit-130 = SIGINT ended the program
    .try = start it again
exit-143 = SIGTERM ended the program
    .try = start it again
