//! Questions about this machine, which a person answers at a terminal, or an option in advance.

use std::io::{self, BufRead, IsTerminal as _};

use report::{Code, Failure, Text};

use super::Terminal;

/// True if a person is there to answer.
#[must_use]
pub fn somebody_answers() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for leave to do something here, unless `--yes` gave it; an answer that is not a clear yes
/// is a no.
///
/// # Errors
///
/// [`Code::Usage`] where nobody can answer; it names the option.
pub fn confirm(question: &Text, yes: bool, terminal: &Terminal) -> Result<bool, Failure> {
    match yes || somebody_answers() {
        false => {
            let text = Text::new("confirm-needed").with("question", question.clone());
            Err(Failure::new(Code::Usage, text))
        }
        true if yes => Ok(true),
        true => {
            terminal.ask(&Text::new("confirm").with("question", question.clone()));
            Ok(is_yes(&mut io::stdin().lock()))
        }
    }
}

/// Reads an answer, in either language whatever the language of the question; anything but a clear
/// yes is a no, as is the end of the input.
pub fn is_yes(from: &mut impl BufRead) -> bool {
    let mut line = String::new();
    let read = from.read_line(&mut line);
    read.is_ok() && YES.contains(&line.trim().to_ascii_lowercase().as_str())
}

const YES: [&str; 4] = ["y", "yes", "o", "oui"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (line, expected) in [
            ("y\n", true),
            (" Yes \n", true),
            ("o\n", true),
            ("Oui\n", true),
            ("ok\n", false),
            ("non\n", false),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yes please\n", false),
        ] {
            assert_eq!(is_yes(&mut line.as_bytes()), expected, "{line:?}");
        }
        assert!(!is_yes(&mut [0xFF, b'y', b'\n'].as_slice()));
    }
}
