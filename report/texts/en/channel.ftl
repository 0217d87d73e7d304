## Connections that do not come about, or end

channel-no-address = no connection to { $address }: the address is not of the form host:port
channel-no-name = no connection to { $address }: the name does not resolve
channel-no-answer = no connection to { $address }: no answer; a firewall may block UDP on this path
# $by is the side that checked: `us` or `peer`.
channel-refused = { $by ->
    [us] this node refused the connection: { $check }
   *[peer] the peer refused the connection: { $check }
 }
channel-other-protocol = the two nodes do not fit together: at the address answers no Veilmatch node with ALPN veilmatch/3, TLS 1.3 and X25519MLKEM768 ({ $by ->
    [us] checked here: { $check }
   *[peer] checked there: { $check }
 })
    .note = Nothing was compared
channel-lost = the connection was lost: { $why }
    .note = The run can be repeated
    .try = run again; if it happens often, compare loss and round trip in the log, and try `congestion = "bbr"` on long paths
channel-closed = the peer closed the connection: { $why }
    .note = The run can be repeated
channel-closed-too-many = the peer closed the connection: too many connections of this identity
    .try = end other runs with this partner, or wait until lost ones time out (15 s)
channel-closed-unpinned = the peer closed the connection: it no longer pins this identity
    .try = ask { peer-the } whether it removed or replaced your identity
channel-late-handshake = the peer took too long to complete the handshake
    .note = The run can be repeated
channel-late-close = the peer took too long to close the connection
    .note = The run can be repeated
channel-local = cannot { $step }: { $why }

channel-try-clocks = compare the clocks of both machines; if they are right, renew { $by ->
    [us] { peer-the }'s
   *[peer] this node's
 } certificate: delete keys/tls.crt and start the node again, pins stay as they are
channel-try-keys = check that { $by ->
    [us] { peer-the }'s
   *[peer] this node's
 } keys directory is the one `init` made, and that nothing terminates TLS between the nodes

## Checks of a handshake

check-unpinned = the TLS key is not pinned
check-expired = the certificate has expired
check-not-yet-valid = the certificate is not valid yet
check-validity = the certificate is outside its period of validity
check-key-type = the certificate is not for an Ed25519 key that may sign handshakes
check-certificate = the certificate is not a self-signed one that can be read
check-signature = the handshake is not signed by the key of the certificate
check-missing = no certificate was shown
check-alpn = the application protocol (ALPN) is not veilmatch/3
check-key-exchange = no common key exchange: X25519MLKEM768 is required
check-version = no common version of QUIC and TLS 1.3
check-alert = TLS alert { $number }

## Ends of a connection

loss-idle = nothing arrived for the idle timeout
loss-restarted = the peer was restarted
loss-quic = QUIC error { $number }
close-dropped = its program ended
close-done = the session is complete
close-error = it ended the session with an error
close-too-many = too many connections of this identity
close-shutting-down = its operator is stopping it
close-unpinned = it no longer pins this identity
close-overloaded = it is overloaded
close-other = code { $number }

## Steps of this machine

step-timeouts = set the idle timeout
step-tls = set TLS up
step-socket = open a UDP socket
step-endpoint = use the UDP socket
step-address = read the local address
step-start = start a connection

## Keys of this node

identity-exists = an identity is in { $path } already
    .try = keep it, partners have pinned it
identity-missing = { $path } is missing
    .try = restore it from the backup of this directory, or run `init` in an empty one and have partners pin the new identity
identity-key-malformed = { $path } is not an Ed25519 key in PKCS#8 version 1 (PEM)
    .try = restore it from the backup
identity-certificate-malformed = { $path } is not a usable certificate
    .try = delete it, and it is made anew from tls.key
identity-key-mismatch = { $path } belongs to another key than tls.key beside it
    .try = restore both from one backup, or delete the certificate if tls.key is the right one
identity-expired = { $path } has expired
    .try = delete it, and it is made anew; partners need to do nothing
identity-not-yet-valid = { $path } is not valid yet
    .try = check the clock of this machine
identity-clock = the clock of this machine stands at a time that no certificate can name
    .try = set the clock of this machine, then run again
identity-library = the TLS library failed to make a certificate: { $why }
    .try = check the clock of this machine, then run again

## Identities as text

# $line is `identity` or `proof`.
identity-not-one = this is not an identity: one starts with `vmid1` and has 114 characters
    .try = copy the identity again, whole
identity-not-a-proof = the line after the identity is not its proof: one starts with `vmproof1`
    .try = { identity-try-file }
identity-fingerprint = this is a fingerprint or session id, not an identity: one starts with `vmid1`
    .try = { identity-try-file }
identity-truncated = { $line ->
    [identity] this identity is cut short
   *[proof] this proof is cut short
 }: { $missing ->
    [one] { $missing_text } of { $length } characters is missing at the end
   *[other] { $missing_text } of { $length } characters are missing at the end
 }
    .try = copy it again, whole
identity-too-long = { $line ->
    [identity] this identity has
   *[proof] this proof has
 } { $extra ->
    [one] { $extra_text } character too many
   *[other] { $extra_text } characters too many
 }: two lines may have been joined
    .try = copy it again, each line by itself
identity-character = { $line ->
    [identity] character { $at } of this identity
   *[proof] character { $at } of this proof
 } is { $found }, which never occurs there
    .try = copy it again instead of typing it; an identity of an earlier version is made anew by `init`
identity-checksum = the checksum of this line is wrong: a character was changed
    .try = copy it again
identity-proof-missing = the identity is there without the line `vmproof1…` that proves whose keys they are
    .try = { identity-try-file }
identity-more-lines = there is more than an identity and its proof
    .try = { identity-try-file }
identity-role = { $role ->
    [advertiser] this is the identity of a node of the advertiser role
   *[provider] this is the identity of a node of the provider role
 }
    .try = { identity-try-file }
identity-unproved = the two keys of this identity are not proved to be one party's
    .try = do not use it: ask whoever sent it, by telephone, for the identity.txt that `init` wrote
identity-try-file = ask for the file identity.txt that `init` wrote, both lines
