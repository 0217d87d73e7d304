## Head of a report: labels

audit-label-session = session
audit-label-time = time
audit-label-parties = parties
audit-label-purpose = purpose
audit-label-terms = terms
audit-label-relaxed = relaxed:
audit-label-map = map
audit-label-learned = learns
audit-label-sizes = sizes
audit-label-signed = signed
audit-label-claimed = claimed
audit-label-ended = ended
audit-label-advertiser = advertiser
audit-label-provider = provider
audit-label-party = party
audit-label-identity = identity
audit-label-program = program

## Head of a report: session, time, parties

audit-list = { $items }
audit-and = { $first }; { $second }
audit-none = none
audit-unknown = unknown
audit-no-terms = none: no terms were sent
audit-no-hello = unknown: nobody said hello
audit-time-closed = { $opened }, { $length }
audit-time-backwards = { $opened }, with a close before that
audit-time-open = { $opened }, without a close
audit-time-hello = { $sent } by the advertiser's clock, no terms
audit-seconds = { $seconds } s
audit-minutes = { $minutes } min { $seconds } s
audit-hours = { $hours } h { $minutes } min { $seconds } s
audit-parties = { $advertiser } (advertiser), { $provider } (provider)
audit-program-limits = test limits
audit-program-exchange = key exchange without ML-KEM
audit-program-digest = SHA-256 { $digest }
audit-purpose = { $purpose }  profile { $profile }  kinds { $kinds }
audit-purpose-none = not agreed  profile { $profile }

## Head of a report: terms

audit-minima = n_min { $n_text }  k_min { $k_text }  group_min { $group_text }  cell_min { $cell_text }
audit-shown = counts rounded to { $step_text }, rates in steps of { $precision } %, over { $cap } % only as "over"
audit-rules = rules { $rules }
audit-consent = { $days ->
    [one] consent at most { $days_text } day old
   *[other] consent at most { $days_text } days old
 }
audit-phones = { $n ->
    [0] no telephone numbers
    [one] at most { $n_text } telephone number
   *[other] at most { $n_text } telephone numbers
 }
audit-noise = noise of epsilon { $run }, at most { $epoch } in 30 days, for { $unit ->
    [one] { $unit_text } identifier of a person
   *[other] { $unit_text } identifiers of a person
 }; its rows are among the handles
audit-links = { $level ->
    [individual] individual links seen within { $days } days by { $evidence }
   *[household] individual and household links seen within { $days } days by { $evidence }
 }
audit-evidence-none = no evidence
audit-evidence-login = login
audit-evidence-purchase = purchase
audit-evidence-loyalty = loyalty
audit-evidence-email = e-mail click
audit-evidence-form = form
audit-evidence-crm = CRM import
audit-evidence-class = class { $numbers }
audit-devices-any = any device
audit-devices-none = no device
audit-devices = devices of class { $numbers }
audit-logins = { $days ->
    [one] logins on { $days_text } day or more
   *[other] logins on { $days_text } days or more
 }
audit-persons = { $n ->
    [one] at most { $n_text } person on a device
   *[other] at most { $n_text } persons on a device
 }
audit-release-handles = { $n ->
    [one] at most { $n_text } handle
   *[other] at most { $n_text } handles
 }
audit-release-ids = { $n ->
    [one] { $n_text } digital ID of a record
   *[other] { $n_text } digital IDs of a record
 }
audit-release-days = { $days ->
    [one] to be used for { $days_text } day
   *[other] to be used for { $days_text } days
 }
audit-release-attributes = with attributes
audit-kept = evidence kept for audit until { $until }
audit-relaxed = { $name } { $value_text } (default { $default_text })
audit-map = digest { $digest }, as the advertiser's hello commits to it
audit-map-none = none: the files had the names that the programs use, as the advertiser's hello commits to it
audit-map-absent = not shown: the package has no `input.opening`, or no hello that it could open
audit-map-other = not shown: `input.opening` belongs to another input

## Head of a report: sizes

audit-rows = { $rows ->
    [one] { $rows_text } padded row
   *[other] { $rows_text } padded rows
 } of { $slots ->
    [one] { $slots_text } slot
   *[other] { $slots_text } slots
 }
audit-sample = { $rows ->
    [one] a sample of { $rows_text } row
   *[other] a sample of { $rows_text } rows
 }
audit-tags = { $n ->
    [one] { $n_text } tag
   *[other] { $n_text } tags
 }
audit-no-receipt = no receipt that counts handles and digital IDs
audit-count-handles = { $how ->
    [hidden] no agreed rounding for its handles
    [none] no handle
    [few] few handles
    [about] about { $n_text } handles
   *[exact] { $n ->
        [one] { $n_text } handle
       *[other] { $n_text } handles
     }
 }
audit-count-ids = { $how ->
    [hidden] no agreed rounding for its digital IDs
    [none] no digital ID
    [few] few digital IDs
    [about] about { $n_text } digital IDs
   *[exact] { $n ->
        [one] { $n_text } digital ID
       *[other] { $n_text } digital IDs
     }
 }
audit-count-elements = { $how ->
    [hidden] no agreed rounding for its elements
    [none] no element
    [few] few elements
    [about] about { $n_text } elements
   *[exact] { $n ->
        [one] { $n_text } element
       *[other] { $n_text } elements
     }
 }

## Head of a report: knowledge

audit-learned-advertiser = advertiser: { $learned }
audit-learned-provider = provider: { $learned }
audit-personal = digests, tags and blinded elements are pseudonymised: they remain personal data

## Head of a report: signers

audit-nothing-signed = nothing
audit-by = { $by ->
    [both] signed by both parties
    [advertiser] signed by the advertiser
    [provider] signed by the provider
   *[holder] claimed by whoever holds this package
 }
audit-signed-hello = { $by ->
    [advertiser] hello signed by the advertiser
   *[holder] hello claimed by whoever holds this package
 }
audit-signed-answer = { $by ->
    [provider] answer signed by the provider
   *[holder] answer claimed by whoever holds this package
 }
audit-signed-terms = { $by ->
    [both] terms and channel signed by both parties
    [advertiser] terms and channel signed by the advertiser
    [provider] terms and channel signed by the provider
   *[holder] terms and channel claimed by whoever holds this package
 }
audit-signed-receipt = { $by ->
    [both] receipt signed by both parties
    [advertiser] receipt signed by the advertiser
    [provider] receipt signed by the provider
   *[holder] receipt claimed by whoever holds this package
 }
audit-claimed = { $party ->
    [advertiser] by whoever holds this package: that it is the advertiser's
   *[provider] by whoever holds this package: that it is the provider's
 }
audit-claimed-channel = { $party ->
    [advertiser] by whoever holds this package: that it is the advertiser's, and which certificates its channel had
   *[provider] by whoever holds this package: that it is the provider's, and which certificates its channel had
 }

## End of the records

audit-ended-closed = closed by a receipt
audit-ended-closed-torn = closed by a receipt; record { $record }, after it, is cut
audit-ended-nothing = the records end before any message
audit-ended-message = the records end after { $name }
audit-ended-frame = the records end after { $name } frame { $frame }
audit-ended-torn = { $ended }, in the middle of record { $record }
audit-ended-word-signed = { $party ->
    [advertiser] ended by the advertiser's signed word: { $name }, { $code }, { $why }
   *[provider] ended by the provider's signed word: { $name }, { $code }, { $why }
 }
audit-ended-word-claimed = { $party ->
    [advertiser] ended by the advertiser's word, as whoever holds this package claims it: { $name }, { $code }, { $why }
   *[provider] ended by the provider's word, as whoever holds this package claims it: { $name }, { $code }, { $why }
 }
audit-reason-unknown = a reason unknown here
audit-ended-broken = a record does not belong where it stands: { $why }

## Checklist and verdict

audit-failed = FAILED: { $why }
audit-unchecked = not checked: { $why }
audit-verdict-accepted = { $total ->
    [one] verdict: accepted, the one check passed
   *[other] verdict: accepted, all { $total_text } checks passed
 }
audit-verdict-incomplete = verdict: incomplete, { $unmade }
audit-verdict-interrupted = verdict: interrupted, { $ended }
audit-verdict-failed = { $failed ->
    [one] verdict: NOT accepted, { $failed_text } of { $total_text } checks failed
   *[other] verdict: NOT accepted, { $failed_text } of { $total_text } checks failed
 }
audit-unmade = { $unmade ->
    [one] { $unmade_text } of { $total_text } checks could not be made; none failed
   *[other] { $unmade_text } of { $total_text } checks could not be made; none failed
 }
audit-accuses-nobody = this accuses nobody: whoever holds this package could have made it
audit-accuses = { $by ->
    [both] inside what is signed by both parties
    [advertiser] inside what is signed by the advertiser
   *[provider] inside what is signed by the provider
 }

## Messages and streams of a transcript

audit-transcript = { $party ->
    [advertiser] transcript of the advertiser, protocol { $protocol }
   *[provider] transcript of the provider, protocol { $protocol }
 }
audit-message = { $name }, { $bytes ->
    [one] { $bytes_text } byte
   *[other] { $bytes_text } bytes
 }
audit-message-undecodable = { $bytes ->
    [one] undecodable, { $bytes_text } byte
   *[other] undecodable, { $bytes_text } bytes
 }
audit-stream = { $name }, { $frames ->
    [one] { $frames_text } frame
   *[other] { $frames_text } frames
 }, { $elements }

## Packages, names and outputs that are refused

audit-package-unreadable = cannot read { $path }: { $error }
    .try = name the directory of a session, which holds RUN.transcript
audit-package-large = { $path } has more than the { $most } MiB of any transcript
    .try = ask for the transcript that the party's program wrote
audit-package-version = { $path }: the transcript is of another version of the protocol than { $version }, which this program reads; the session has to be made anew
    .try = use the auditor of that version, or have the session made anew
audit-package-damaged = { $path }: record { $record } of the transcript is damaged, which says nothing about either party
    .try = ask for an undamaged copy; both parties hold one
audit-text-unreadable = cannot read { $path }: { $error }
    .try = name a text file that you may read
audit-text-large = cannot read { $path }: it is larger than any list of names
    .try = name a text file that you may read
audit-identity = { $why ->
    [checksum] this is an identity with a wrong or missing character
   *[neither] this is neither a party id of 64 hexadecimal digits nor an identity `vmid1…`
 }
    .try = give the line `vmid1…` that the party sent, or its file
audit-expected = { $why ->
    [checksum] { $option } is an identity with a wrong or missing character, nor a name of `--names`
   *[neither] { $option } is neither a party id of 64 hexadecimal digits nor an identity `vmid1…`, nor a name of `--names`
 }
    .try = give a party id, an identity line, or a name of the file of `--names`
audit-names = { $why ->
    [form] { $path }, line { $line }: not of the form: "name" = "vmid1…"
    [again] { $path }, line { $line }: the name or the party stands in an earlier line
    [checksum] { $path }, line { $line }: an identity with a wrong or missing character; copy it again
   *[neither] { $path }, line { $line }: neither a party id of 64 hexadecimal digits nor an identity `vmid1…`
 }
    .try = write one `name = "PARTY"` a line, each name and party once
audit-output = { $why ->
    [directory] { $path } is not written: it is a directory
    [link] { $path } is not written: it is a link to nothing
    [package] { $path } is not written: it is a file of the package
   *[exists] { $path } is not written: it exists, and `--overwrite` is not given
 }
audit-output-node = { $path } is not written: it lies in the node { $node }
audit-output-error = cannot write { $path }: { $error }

## Packages against each other

audit-package = { $party ->
    [advertiser] package { $number }: { $path }, the advertiser's transcript
   *[provider] package { $number }: { $path }, the provider's transcript
 }
audit-session = { $session }; { $time }; { $parties }
audit-one-session = packages { $one } and { $other }, of one session
audit-two-sessions = packages { $one } and { $other }, of two sessions
audit-only = only in package { $number }
audit-differs = they differ, { $by }
audit-verdict-compared = { $result ->
    [agrees] verdict: the packages agree
    [nothing] verdict: incomplete, the packages have nothing in common
    [incomplete] verdict: incomplete, nothing differs, and something is in one package only
   *[contradicts] verdict: the packages CONTRADICT each other
 }
