## Rules, by their names in the tables of levels

verify-rule-programs = both sides say their program is a release; protocol known
verify-rule-sequence = messages form one complete session, in order
verify-rule-parties = both parties, suite, profile and sizes are consistent
verify-rule-manifest = key manifest and snapshot are signed and fit the session
verify-rule-binding = session id binds hellos, terms, certificates and channel
verify-rule-terms-signed = both parties signed the terms
verify-rule-terms-kept = terms keep within offer, limits and time
verify-rule-streams = every stream is whole, with the announced counts
verify-rule-checkpoints = both parties signed the head of every stream
verify-rule-receipt = both parties signed a receipt that says what happened
verify-rule-ledger = the ledger entry charges the run in full and follows its reserve
verify-rule-hellos-signed = both parties signed their hello for this channel
verify-rule-last-words = a refusal or abort is signed by whoever it is from
verify-rule-frames-signed = every frame is signed with its stream so far and the question it answers
verify-rule-blind-committed = the advertiser committed to one blind for all its rows
verify-rule-release-signed = the provider signed what it released, for the handles it was sent
verify-rule-input-opened = the opening of the input, if there is one, opens the advertiser's commitment
verify-rule-frames-recorded = frames are the recorded ones
verify-rule-elements-canonical = every element is canonical and not the identity
verify-rule-elements-distinct = all elements are pairwise distinct
verify-rule-answers = every answer has the evidence of its order
verify-rule-table = the table is in strict order and has the announced root
verify-rule-handles = handles are one batch in strict order

## Checks that cannot be made

verify-no-close = the records end before the close
verify-ended-by-word = a refusal or abort ends the session
verify-ended-before = the session ended before that
verify-no-hellos = the session has no hellos
verify-no-message = the session has no { $message }
verify-sender-unknown = its sender has not introduced itself
verify-no-frames = the stream has no frames
verify-frames-absent = frames are not in the package

## Order of the records

verify-message-gap = a control message is missing or repeated
verify-undecodable = a control message does not decode: { $why }
verify-after-close = a message after the close
verify-out-of-place = { $message } out of place
verify-checkpoint-by-receiver = a CHECKPOINT by the receiver
verify-ack-by-sender = a CHECKPOINT_ACK by the sender
verify-ack-early = a stream was acknowledged before its last frame
verify-signed-again = a stream was signed again and again
verify-frame-outside = a { $stream } frame outside the session
verify-eval-early = an EVAL frame before the frame it answers
verify-handles-early = a HANDLES frame before the answers were signed
verify-ids-early = an IDS frame before RELEASED
verify-frame-after-last = a { $stream } frame after the last one
verify-frame-gap = { $stream } frames have a gap
verify-eval-before-last-row = an EVAL frame before the last row
verify-eval-before-ack = an EVAL frame before the rows were acknowledged
verify-blind-before-table = a BLIND frame before the table is whole
verify-blind-before-ack = a BLIND frame before the table was acknowledged
verify-blind-uncommitted = a BLIND frame before SESSION_BLIND

## Programs, parties, sizes

verify-protocol-unknown = protocol version { $version } is not known here
verify-key-exchange = { $party ->
    [advertiser] the advertiser's program offered a key exchange without ML-KEM
   *[provider] the provider's program offered a key exchange without ML-KEM
 }
verify-test-limits = { $party ->
    [advertiser] the advertiser's program had test limits
   *[provider] the provider's program had test limits
 }
verify-hello-signature = { $party ->
    [advertiser] the advertiser's signature of its hello
   *[provider] the provider's signature of its hello
 }
verify-party-unexpected = { $party ->
    [advertiser] the advertiser is not the expected party
   *[provider] the provider is not the expected party
 }
verify-profile-unknown = unknown profile
verify-suite = suite and profile do not fit
verify-shape = row width, sample or padded rows: { $why }
verify-protocol-other = the provider states another protocol version
verify-tags-range = number of tags out of range
verify-tags-padding = number of tags not padded to whole frames
verify-elements-range = number of elements out of range
verify-row-width = row width out of range
verify-one-party = one party on both sides
verify-protocol-not-offered = a protocol version that was not offered
verify-rules-differ = normalization rules differ
verify-ledgers-differ = ledger heads differ

## Key and snapshot

verify-manifest-signature = the manifest's signature
verify-snapshot-signature = the snapshot's signature
verify-manifest-provider = the manifest names another provider
verify-snapshot-provider = the snapshot names another provider
verify-manifest-partner = the manifest names another partner
verify-key-bounds = the key lives or serves longer than a key may
verify-public-key = the public key: { $why }
verify-key-suite = the manifest's key serves another suite
verify-key-evaluations = more evaluations than the key allows
verify-key-lifetime = the key is not valid for as long as the terms

## Terms and session id

verify-other-id = the id in { $message } is not the session's
verify-terms-signature = a signature over the session id
verify-terms = the terms: { $why }
verify-handles-above-rows = more handles than rows
verify-phones-above-elements = more telephone numbers than elements
verify-offer-evaluations = more evaluations than the offer leaves
verify-blind-unsigned = SESSION_BLIND does not have the advertiser's signature
verify-blind-element = the commitment to the blind: { $why }
verify-opening-other = `input.opening` does not open the commitment of the advertiser's hello

## Refusals and aborts

verify-word-unsigned = { $message } does not have its sender's signature
verify-word-two-heads = a refusal or abort names another head of a stream than its sender signed
verify-word-other-frames = a refusal or abort names other frames than were recorded

## Streams and their heads

verify-streams-other = streams other than the profile's were sent
verify-stream-open = { $stream } has no last frame
verify-frame-not-full = { $stream } has a frame that is not full
verify-frame-length = { $stream } has a frame of another length
verify-frame-empty = { $stream } has an empty frame
verify-count = { $stream } has another count
verify-table-other = the table is not the announced one
verify-answer-unasked = an answer to handles that were not sent
verify-handles-unanswered = no answer to the handles
verify-ids-not-due = digital IDs that were not due
verify-no-stream = no stream was sent
verify-frame-unsigned = { $stream } frame { $frame } is not signed as it is recorded
verify-two-heads = { $stream }: two heads were signed
verify-signed-twice = a stream was signed twice
verify-checkpoint-unsent = a checkpoint of a stream that was not sent
verify-other-head = { $side ->
    [sender] { $stream }: the sender signed another head
   *[receiver] { $stream }: the receiver signed another head
 }
verify-head-unsigned = { $side ->
    [sender] { $stream } lacks its sender's signature
   *[receiver] { $stream } lacks its receiver's signature
 }

## Receipt and ledger

verify-receipt-signature = { $party ->
    [advertiser] the advertiser's signature of the receipt
   *[provider] the provider's signature of the receipt
 }
verify-receipt-streams = the receipt lists other streams
verify-no-report = no report commitment
verify-closed-early = closed before it was opened
verify-outcome = the outcome is not what happened
verify-receipt-handles = the receipt says something else of the release than RELEASED
verify-receipt-ids = the receipt counts other digital IDs
verify-released-unsigned = RELEASED does not have the provider's signature for these handles
verify-released-handles = RELEASED counts other handles than were sent
verify-unknown-handles = more unknown handles than chance explains
verify-below-minimum = fewer handles than the least number of matches
verify-reserve-place = the reserve has no place in the chain
verify-chain-start = the chain does not start with zeros
verify-settle-impossible = numbers that no settle can hold
verify-settle-other = the settle is not the one of this session

## Frames

verify-frame-other = { $stream } frame { $frame } is not the recorded one
verify-frame-unreadable = { $stream } frame { $frame } cannot be read
verify-frame-breach = { $stream } frame { $frame }: { $why }
verify-element-twice = { $stream } repeats an element
verify-handles-order = { $stream } frame { $frame } is not in strict order
verify-table-short = the table ends early
verify-table-root = the table has another root

## Packages against each other

compare-channel = channel and certificates
compare-message = { $name }
compare-frames = { $stream }, frames in common: { $same }
compare-head = { $name } of { $stream }
compare-word = { $party ->
    [advertiser] { $name } of the advertiser
   *[provider] { $name } of the provider
 }
compare-two-heads = { $stream }: the head signed in one package, and what is signed of it in the other
compare-keys = manifests of the provider's keys
compare-snapshots = snapshots of the provider
compare-ledger = entries of the ledger of both parties
compare-releases = heads of the provider's releases
