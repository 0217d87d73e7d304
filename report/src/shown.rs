//! Strings from outside, made safe to print.

/// A string from outside, made safe to print: control and direction characters are escaped, and
/// more than 128 bytes are cut.
#[must_use]
pub fn shown(text: &str) -> String {
    escape(text, SHOWN_BYTES_MAX)
}

/// [`shown`] for sentences and paths: cut after 512 bytes.
#[must_use]
pub fn shown_long(text: &str) -> String {
    escape(text, 4 * SHOWN_BYTES_MAX)
}

fn escape(text: &str, bytes_max: usize) -> String {
    let mut out = String::new();
    for character in text.chars() {
        let piece: String = match character {
            '\n' => "\\n".into(),
            '\r' => "\\r".into(),
            '\t' => "\\t".into(),
            hidden if is_hidden(hidden) => hidden.escape_unicode().collect(),
            plain => plain.into(),
        };
        if out.len() + piece.len() + CUT.len() > bytes_max {
            out.push_str(CUT);
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// True for a character that moves the cursor, changes the direction of text, or cannot be seen
/// (S16).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}'
                | '\u{61C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// Bytes of a foreign string that are shown, at most.
const SHOWN_BYTES_MAX: usize = 128;
const CUT: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_strings_cannot_reach_the_terminal() {
        // S16
        assert_eq!(shown("retailer-fr"), "retailer-fr");
        assert_eq!(shown("Économie \u{1F600}"), "Économie \u{1F600}");
        assert_eq!(shown("\u{1b}[2J\u{7}\r\n"), "\\u{1b}[2J\\u{7}\\r\\n");
        assert_eq!(shown("a\u{202E}b\u{200B}"), "a\\u{202e}b\\u{200b}");
        let long = shown(&"é".repeat(500));
        assert!(long.len() <= 128 && long.ends_with("..."), "{}", long.len());
        assert!(shown(&"\u{1b}".repeat(500)).len() <= 128);
    }
}
