# Codes of the wire, as this node says them of itself or of its peer, and pieces that all rooms share.
#
# Given to every message: $own and $peer (advertiser or provider).
# Here also $by: `own`, what this node found or refused; `peer`, what the peer refused; `ended`, the
# reason for which the peer ended the session; anything else, the bare meaning.

## Parties

peer-the = { $peer ->
    [advertiser] the advertiser
    [provider] the provider
   *[other] the other node
 }
# English needs no cases; French does, and both files have the same ids.
peer-of = of { peer-the }
peer-to = to { peer-the }

## Places on the wire

# $stream and $index.
place = { $stream ->
    [control-advertiser] { " " }(message { $index } of the advertiser)
    [control-provider] { " " }(message { $index } of the provider)
    [table] { " " }(frame { $index } of the tag table)
    [blind] { " " }(frame { $index } of the blinded elements)
    [eval] { " " }(frame { $index } of the evaluations)
    [handles] { " " }(frame { $index } of the handles)
    [ids] { " " }(frame { $index } of the digital IDs)
   *[none] { "" }
 }

## Rules that a peer can break

broken = { $by ->
    [ended] { peer-the } ended the session and says that this node broke a rule:{ " " }
   *[own] { "" }
 }
violation-note = { $by ->
    [ended] Both transcripts show who is right
   *[own] The transcript up to there is kept; it proves what is signed in it
 }
try-evidence = send the transcript and its frames to { peer-the }'s operator
try-report-transcript = compare the versions of both nodes; if they are equal, report it with the transcript
try-rule-of-wire = { $by ->
    [ended] { try-report-transcript }
   *[own] compare the versions of both nodes (`--version`); if they are equal, { try-evidence }
 }
try-rule-of-elements = { $by ->
    [ended] { try-report-transcript }
   *[own] { try-evidence }; do not repeat the run before it answers
 }
try-rule-of-answers = { $by ->
    [ended] { try-report-transcript }
   *[own] { try-evidence }; do not repeat the run, the budget is already charged and the answers cannot be trusted
 }
try-rule-of-table = { $by ->
    [ended] { try-report-transcript }
   *[own] ask { peer-the } to build its table again, then run again; { try-evidence }
 }
try-rule-of-signatures = { $by ->
    [ended] { try-report-transcript }
   *[own] compare the identity { peer-of } over a second path; if it is right, { try-evidence }
 }
try-rule-of-binding = { $by ->
    [ended] { try-report-transcript }
   *[own] check that nothing terminates TLS between the nodes, and compare { peer-the }'s identity over a second path before any further run
 }
try-rule-of-keys = { $by ->
    [ended] { try-report-transcript }
   *[own] ask { peer-the } for a new key and table (it may have restored an old backup); { try-evidence }
 }
try-rule-of-record = { $by ->
    [ended] { try-report-transcript }
   *[own] keep the run's directory; { try-evidence }, who compares it with its own
 }
try-rule-of-release = { $by ->
    [ended] { try-report-transcript }
   *[own] { try-evidence }; nothing of this release may be used
 }

violation-encoding-not-canonical = { broken }a control message is not in its one canonical encoding{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-unexpected-message = { broken }a message is not allowed in this state{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-frame-malformed = { broken }a frame header or length is malformed{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-frame-too-large = { broken }a frame is larger than the limit{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-frame-out-of-sequence = { broken }a frame index has a gap{ place }
    .note = { violation-note }
    .try = { try-rule-of-wire }
violation-element-not-canonical = { broken }an element is not a canonical encoding{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-element-identity = { broken }an element is the identity{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-scalar-not-canonical = { broken }a proof scalar is zero or not canonical{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-order-not-strict = { broken }elements are not in strict order{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-count-mismatch = { broken }fewer or more elements than announced{ place }
    .note = { violation-note }
    .try = { try-rule-of-elements }
violation-proof-invalid = { broken }{ $by ->
    [own] the evaluations fail their proof
   *[ended] a frame of evaluations fails its proof
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-answers }
violation-canary-missing = { broken }{ $by ->
    [own] { peer-the } did not return a row whose answer was known beforehand
   *[ended] a canary row did not come back
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-answers }
violation-table-malformed = { broken }the tag table is malformed{ place }
    .note = { violation-note }
    .try = { try-rule-of-table }
violation-table-root-mismatch = { broken }the tag table is not the announced one{ place }
    .note = { violation-note }
    .try = { try-rule-of-table }
violation-tag-hit-twice = { broken }{ $by ->
    [own] two different identifiers hit one tag of the table
   *[ended] one table tag was hit by two elements
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-answers }
violation-signature-invalid = { broken }a signature is invalid{ place }
    .note = { violation-note }
    .try = { try-rule-of-signatures }
violation-commitment-mismatch = { broken }a commitment does not open{ place }
    .note = { violation-note }
    .try = { try-rule-of-signatures }
violation-session-binding-mismatch = { broken }{ $by ->
    [own] { peer-the } signed another session than this one, or somebody stands between
   *[ended] the session id differs: relay, replay or other terms
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-binding }
violation-manifest-mismatch = { broken }the key manifest does not fit the session{ place }
    .note = { violation-note }
    .try = { try-rule-of-keys }
violation-key-reused = { broken }a key was offered under another manifest or a second time{ place }
    .note = { violation-note }
    .try = { try-rule-of-keys }
violation-checkpoint-mismatch = { broken }a checkpoint differs from the stream{ place }
    .note = { violation-note }
    .try = { try-rule-of-record }
violation-leaf-changed = { broken }a re-sent frame differs from the first one{ place }
    .note = { violation-note }
    .try = { try-rule-of-record }
violation-handle-malformed = { broken }handles are out of order or too many{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-unknown-handles = { broken }{ $by ->
    [own] { peer-the } asked for records that no answer of ours leads to
   *[ended] too many unknown handles
 }{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-second-handle-batch = { broken }a second batch of handles{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-id-list-malformed = { broken }the list of digital IDs is malformed{ place }
    .note = { violation-note }
    .try = { try-rule-of-release }
violation-receipt-mismatch = { broken }the receipt differs from the session{ place }
    .note = { violation-note }
    .try = { try-rule-of-record }

## Nodes that do not fit together

unfit = { $by ->
    [own] the two nodes do not fit together:{ " " }
    [peer] { peer-the } refused, because the two nodes do not fit together:{ " " }
    [ended] { peer-the } ended the session:{ " " }
   *[none] { "" }
 }
unfit-note = { $by ->
    [ended] Both operators compare their settings
   *[own] Nothing was compared
 }

incompatibility-version = { unfit }no common protocol version
    .note = { unfit-note }
    .try = compare `--version` of both nodes and upgrade the older one: versions of the protocol do not mix
incompatibility-suite = { unfit }the suite is not supported
    .note = { unfit-note }
    .try = agree on a profile that both versions have; `--version` of both nodes tells
incompatibility-profile = { unfit }the profile is not supported
    .note = { unfit-note }
    .try = agree on a profile that both versions have; `--version` of both nodes tells
incompatibility-ruleset = { unfit }the normalization rules differ
    .note = { unfit-note }
    .try = use the same ruleset, options and version on both nodes, and accept a new invitation
incompatibility-kinds = { unfit }the kinds of identifiers do not fit
    .note = { unfit-note }
    .try = compare the kinds of identifiers in the invitation with the columns of your file
incompatibility-parameters = { unfit }a parameter or flag is not supported
    .note = { unfit-note }
    .try = compare the terms on both nodes: one names a value or flag the other does not know
incompatibility-ledger-heads-differ = { unfit }the two ledgers have different heads
    .note = { unfit-note }
    .try = compare the ledgers of both nodes for this partner: one was restored from an older backup, or lost its last entry
incompatibility-channel-policy = { unfit }the channel does not meet the policy
    .note = { unfit-note }
    .try = { try-channel-policy }
try-channel-policy = check that both are Veilmatch nodes of this version, with nothing between them that terminates TLS

## Policies that say no

refused-by = { $by ->
    [own] this node refused:{ " " }
    [peer] { peer-the } refused:{ " " }
    [ended] { peer-the } ended the session:{ " " }
   *[none] { "" }
 }
# Where the peer says when to ask again: in minutes, for which a run waits, or later.
try-again-soon = again after { $seconds } s, as { peer-the } asks; `run` waits by itself
try-again-later = again in { $span }, as { peer-the } says; `run` does not wait for it
span-minutes = { $minutes } min
span-hours = { $hours } h { $minutes } min

refusal-partner-unknown = { refused-by }the partner is not known here
    .note = Nothing was compared
    .try = have the provider invite this identity, then accept the new invitation
refusal-profile-not-allowed = { refused-by }the partner policy does not allow this profile
    .note = The partner policy decides, and it is in the invitation
    .try = choose a profile that the invitation lists
refusal-purpose-not-allowed = { refused-by }the partner policy does not allow this purpose
    .note = The partner policy decides, and it is in the invitation
    .try = choose a purpose that the invitation lists, or have the policy changed
refusal-size-out-of-range = { refused-by }a set is too small or too large
    .note = A set lies between n_min and what the partner policy allows
    .try = look at why rows were left out, by reason, and bring a set inside the limits
refusal-budget-exceeded = { refused-by }the evaluation budget is spent
    .note = Until the period is over, the budget protects the identity graph
    .try = wait for the next period, or agree on a larger budget
refusal-key-exhausted = { refused-by }the key has no evaluations left
    .note = Until the period is over, the budget protects the identity graph
    .try = wait until the provider has made its next key and table
refusal-below-match-minimum = { refused-by }fewer matched records than k_min
    .note = k_min protects the few who matched; the count itself is not shown
    .try = match a larger or another file
refusal-terms-expired = { refused-by }the terms have expired or are not yet valid
    .note = Terms hold for at most seven days
    .try = start a new run; if it happens at once, compare the clocks of both machines
refusal-session-busy = { refused-by }another session of this pair is live
    .note = It passes by itself
    .try = again once the other session of this pair has ended
refusal-table-not-ready = { refused-by }the table for this run is not ready
    .note = It passes by itself
    .try = again in some minutes; the provider is building the table
refusal-resume-expired = { refused-by }the session can no longer be resumed
    .note = What was charged stays charged
    .try = start a new run
refusal-release-declined = { refused-by }the operator declined the release
    .note = Nothing was released
    .try = agree with the other operator, then start a new run
refusal-audit-challenge-stale = { refused-by }the audit challenge is stale
    .note = Nothing was compared
    .try = ask the auditor for a new challenge
refusal-too-many-hellos = { refused-by }too many sessions were opened today
    .note = Until the period is over, the budget protects the identity graph
    .try = after midnight UTC; sixteen sessions a day can be opened, and `run` does not wait
refusal-key-spent = { refused-by }the offered key was spent by earlier terms
    .note = It passes by itself
    .try = again in some minutes; the provider prepares another key and table
refusal-nothing-to-ask = { refused-by }the same question was answered before
    .note = The stored result answers the question
    .try = `advertiser-node result` writes the stored result again
refusal-cannot-serve = { $by ->
    [peer] { peer-the } cannot serve you: its file for you has a mistake
   *[own] { refused-by }the file for this partner has a mistake
 }
    .note = Nothing was compared, and nothing is counted
    .try = { $by ->
        [peer] ask { peer-the }'s operator, who sees it in `status`; then run again
       *[own] mend the partner's file: `status` names the line
     }

# With the times of both clocks: $seconds between them and $limit, $local, $theirs.
clocks-differ = the clocks of the two nodes differ by { $seconds_text } s, more than { $limit }: { $local } here, { $theirs } at { peer-the }
    .note = One of the two clocks is wrong; nothing was compared
    .try = compare both times with a third clock, set the wrong one (NTP keeps it right), then run again; if yours is right, tell { peer-the }'s operator both times
# Without them: what a peer says when it ends a session.
refusal-clocks-differ = { refused-by }the clocks of the two nodes differ by more than 300 s
    .note = One of the two clocks is wrong; nothing was compared
    .try = set the wrong clock, by NTP, then run again
refusal-implausible = { refused-by }the table is larger than its cap, or the matched rows are above the cap of the rate
    .note = A table of invented identifiers would look like this: nothing was released
    .try = ask the provider whether its table is real; if you know why so many match, run with `--allow high-rate`; a table that has grown by more than a quarter needs a new invitation, which states its size
refusal-epsilon-exceeded = { refused-by }the budget of privacy loss of these 30 days, epsilon, is spent
    .note = Each count with noise takes a part of it; nothing was compared
    .try = run when the budget renews; a question that was asked before is answered by `result`

## Ends that are nobody's rule or policy

peer-operator = { $by ->
    [ended] { peer-the } ended the session: its operator stopped it, or it has a problem on its own machine
   *[none] a problem on its own machine
 }
    .note = The run can be repeated
    .try = run again in some minutes; if it happens twice, ask { peer-the }'s operator
peer-defect = { $by ->
    [ended] { peer-the } ended the session: it found a defect in itself
   *[none] a defect it found in itself
 }
    .note = The developers mend it
    .try = ask { peer-the }'s operator to report it
# $code of the wire, and $told, its bare meaning.
abort-unsigned = { peer-the } ended the session with { $code } ({ $told }), and its signature under that does not hold for this session
    .note = The message proves nothing about either
    .try = compare the versions of both nodes (`--version`), then run again; if it happens twice, compare the transcripts of both

## Defects

try-defect = report it with the version (`--version`) and the last lines of the log; do not repeat the run with real data until it is answered
# $place is a file and line of the source, or `none`.
defect = defect in Veilmatch: { $kind ->
    [misuse] the session was driven out of order
   *[invariant] an internal invariant does not hold
 }{ $place ->
    [none] { "" }
   *[known] { " " }({ $place })
 }
    .note = Nothing was published
    .try = { try-defect }
stored-data-changed = what this node stored for the session is not what it reads back
    .try = check the disk and who else writes to the node's directory, then run again

## Results that are withheld

withheld-below-match-minimum = withheld: fewer matched rows than the minimum of { $k_min_text } (k_min)
    .try = match a larger or another file; the count itself is not shown
withheld-above-handles-maximum = withheld: more matched rows than the terms let be released at once
    .try = match a smaller file; the count itself is not shown
withheld-declined = withheld: the release was declined here; nothing was released to anybody
    .try = start a new run when it may be released
withheld-by-advertiser = withheld by the advertiser, who sent no handles
    .try = nothing to do here

## Advice that several rooms give

try-disk = check the disk, its free space, and the permissions of the node's directory
try-restore = check the disk and who else writes to the node's directory, and restore the file from a copy; without one, move it away: inputs, tables and snapshots can be made again
try-mend-command-line = `--help` lists the commands and options

## Meanings of the codes of one machine, for the manual, with the advice where a text has none

too-few-rows = fewer eligible rows than n_min, told before the provider is contacted
    .try = `advertiser-node check` shows why rows were left out, by reason
too-many-matched = more matched rows than the terms let be released at once
    .try = match a smaller file; the count itself is not shown
code-usage = an option or name on the command line that makes no sense here
    .try = { try-mend-command-line }
code-to-do-first = something the operator has to do first: no graph, no provider, a file to mend
    .try = do first what the message names, then run again
code-output = an output that is refused or cannot be written
    .try = name another file, in a directory you may write to
code-input-changed = the prepared input is not the committed one any more
    .try = run again; if it happens twice, check the disk
code-node = the node's directory, keys, storage key or settings
    .try = check that the directory is the one `init` made, and that the files in it are yours alone
code-invitation = the invitation file
    .try = ask the provider for a new invitation
code-rules-broken = the normalization rules of this build fail their own test
    .try = reinstall this version; a node whose own rules fail their test does not run
code-input-form = an input file is malformed, with line and column
    .try = mend the file at the place named; nothing was sent
code-input-absent = an input file that is absent or empty
    .try = name a file that exists and that you may read
code-no-usable-row = an input file without a row that may be used
    .try = mend the consent columns and the identifiers; `check` counts every reason
code-digests-undeclared = columns that are declared wrongly or not at all, such as digests without the rules that made them
    .try = declare in the map or the settings what the message names
code-storage = storage: an input that cannot be read, a set that is prepared, a file of the node
    .try = { try-disk }
code-contradiction = a prepared set contradicts itself, or the store of objections has fewer than this node took
    .try = prepare the set again; if it happens twice, check the disk
code-silent = the peer sent nothing for too long
    .try = run again; if it happens twice, ask { peer-the }'s operator whether its node runs
code-session-storage = storage during a session: spills, journal, ledger
    .try = { try-disk }
code-damaged = a stored file of the node (input, history, key, snapshot, table, release) is not what was written
    .try = { try-restore }
code-address = an address that is not `host:port`
    .try = write the address as host:port, for example provider.example:4433
code-host-name = a host name without an address
    .try = check the name in the invitation and this machine's DNS
code-no-answer = no answer from the address
    .try = ask whether { peer-the }'s node runs; if it does, let UDP to its port through your firewall, answers included
code-certificate = a certificate or handshake check failed, at either end
    .try = compare the clocks of both machines and the identities of both nodes
code-connection-lost = the connection was lost
    .try = run again; if it happens often, compare loss and round trip in the log
code-connection-closed = the peer closed the connection
    .try = run again; if it happens twice, ask { peer-the } what its log says
code-deadline = the peer took too long on the channel
    .try = run again; if it happens twice, ask { peer-the } what its log says
code-socket = a local socket
    .try = check the address and port in the configuration, and that no other program uses them
code-ledger-gone = the ledger is gone, or older than what this node remembers of it
    .try = take the entries from the other side's file with `ledger adopt`
code-partly = done in part: lines of an objection feed that are not carried out, with number and reason
    .try = mend what is listed, and do it again
code-stopped = a signal ended the command
    .try = start the command again when it may run
code-evidence = a file of `ledger export` that cannot be read, or does not prove its entries
    .try = ask for the file again: `ledger export -o FILE` on the other node
code-no-room = too little room on the disk for what the session would write, with both figures
    .try = free some space there, then run again; nothing was charged
code-package = auditor: a package that cannot be read, is damaged, too large or of another protocol number, which says nothing about a party
    .try = ask for an undamaged copy; both parties hold one
code-snapshot-shown = today's snapshot has been shown to a partner
    .try = again after midnight UTC
code-wrong-party = the key at the other end is not the pinned one
    .try = compare the identity { peer-of } with the pinned one over a second path; if it has a new one, exchange identities again
code-unknown-there = the key of this node is not pinned at the other end
    .try = give this node's identity line { peer-to }, and have it pinned there
code-other-protocol = the program at the other end speaks another protocol, version of TLS or key exchange
    .try = { try-channel-policy }
code-in-use = a directory or key that another command uses, or used already
    .try = run again once the other command has ended
code-map = a map that cannot be used: a fault, an open question, or another than the pinned one
    .try = correct the map; nothing was read by it
code-defect = a defect, here or, as the peer says, there
    .try = { try-defect }
