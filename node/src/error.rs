//! What a person reads when something fails: three lines, and strings that cannot harm a terminal.
//!
//! A [`Report`] says what happened, whose move it is, and what to try. It holds no identifier,
//! digest, element, tag, handle or key; counts, indices and paths are allowed [S-02].

use std::borrow::Cow;
use std::fmt;

pub use report::shown;

/// An error in the three lines that every failure is printed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Number of the message: the wire code in hexadecimal, or V04xx for what stays on a machine.
    pub code: Cow<'static, str>,
    /// What happened.
    pub what: String,
    /// Who has to act, and what holds meanwhile.
    pub whose_move: String,
    /// What to do.
    pub try_this: String,
}

impl Report {
    /// A report about this node, its files or its settings.
    #[must_use]
    pub fn operator(
        code: &'static str,
        what: impl Into<String>,
        try_this: impl Into<String>,
    ) -> Self {
        let what = what.into();
        // Errors of storage end in advice of their own, which knows more than ours.
        let (what, try_this) = match what.split_once("; try: ") {
            Some((what, advice)) => (what.to_owned(), advice.to_owned()),
            None => (what, try_this.into()),
        };
        Self { code: code.into(), what, whose_move: "yours".into(), try_this }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, what, whose_move, try_this } = self;
        write!(f, "error {code}: {what}\n  whose move: {whose_move}\n  try: {try_this}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_has_three_lines() {
        let report = Report {
            code: "V0304".into(),
            what: "refused, 812 eligible rows; a match needs at least 1,000 (n_min)".into(),
            whose_move: "yours. n_min is part of the terms and cannot go below 1,000".into(),
            try_this: "`advertiser-node check crm.toml` shows why".into(),
        };
        assert_eq!(
            report.to_string(),
            "error V0304: refused, 812 eligible rows; a match needs at least 1,000 (n_min)\n  \
             whose move: yours. n_min is part of the terms and cannot go below 1,000\n  \
             try: `advertiser-node check crm.toml` shows why"
        );
    }
}
