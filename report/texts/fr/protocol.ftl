## protocol


## Evidence of a ledger

evidence-malformed = un message est mal formé
evidence-party = elle concerne d’autres parties
evidence-head = elle ne suit pas l’écriture précédente
evidence-session = ses conditions sont celles d’une autre session
evidence-signature = une signature n’est pas valide
evidence-receipt = son reçu est celui d’une autre session
evidence-not-proven = session { $session } : { $fault }
evidence-file-other = ce n’est pas un export de grand livre de cette version
evidence-file-damaged = le fichier est coupé ou endommagé
