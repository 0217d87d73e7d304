//! Faults of files and evidence that the protocol finds outside a session.

use protocol::ledger::evidence::{BadEvidenceFile, EvidenceFault, NotProven};

use crate::code::Code;
use crate::diagnose::Diagnose;
use crate::text::{Arg, Text};

impl Diagnose for EvidenceFault {
    fn code(&self) -> Code {
        Code::Evidence
    }

    fn text(&self) -> Text {
        Text::new(match self {
            Self::Malformed => "evidence-malformed",
            Self::Party => "evidence-party",
            Self::Head => "evidence-head",
            Self::Session => "evidence-session",
            Self::Signature => "evidence-signature",
            Self::Receipt => "evidence-receipt",
        })
    }
}

impl Diagnose for NotProven {
    fn code(&self) -> Code {
        self.fault.code()
    }

    fn text(&self) -> Text {
        Text::new("evidence-not-proven")
            .with("session", Arg::Number(self.session as u64))
            .with("fault", self.fault.text())
    }
}

impl Diagnose for BadEvidenceFile {
    fn code(&self) -> Code {
        Code::Evidence
    }

    fn text(&self) -> Text {
        Text::new(match self {
            Self::Other => "evidence-file-other",
            Self::Damaged => "evidence-file-damaged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lang, Reader};

    #[test]
    fn a_session_that_proves_nothing_is_told_with_its_fault() {
        let error = NotProven { session: 1_203, fault: EvidenceFault::Signature };
        assert_eq!(error.text().to_string(), "session 1203 of it: a signature does not verify");
        let french = error.text().render(&Reader { lang: Lang::Fr, ..Reader::LOG });
        assert_eq!(french, "session 1203\u{a0}: une signature n’est pas valide");
        assert_eq!(error.to_string(), "1203:Signature");
    }
}
