## protocol


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
