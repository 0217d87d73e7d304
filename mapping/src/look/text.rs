//! Encoding and delimiter of a text file, found from all of its bytes.

use std::io::{self, Read};

use tabular::{Delimiter, Encoding};

/// Encoding of a file, as far as its bytes settle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encodings {
    /// The only one that fits, or one of several that read every byte alike.
    Settled(Encoding),
    /// Several that fit and read some letters differently, the likeliest first.
    Open(Vec<Encoding>),
}

impl Encodings {
    /// The encoding to read the file with for now.
    pub(crate) fn first(&self) -> Encoding {
        match self {
            Self::Settled(encoding) => *encoding,
            Self::Open(fitting) => fitting.first().map_or(Encoding::Utf8, |first| *first),
        }
    }
}

/// Encoding and delimiter of a text.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) encodings: Encodings,
    pub(crate) delimiter: Delimiter,
}

/// Reads a text to its end and finds its encoding and delimiter.
pub(crate) fn find(mut source: impl Read) -> io::Result<Found> {
    let mut survey = Survey::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => chunk.iter().take(read).for_each(|byte| survey.note(*byte)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Found { encodings: survey.encodings(), delimiter: delimiter(&survey.head) })
}

/// Counts over the bytes of a text.
struct Survey {
    /// First bytes, for the delimiter.
    head: Vec<u8>,
    zeros: u64,
    /// Bytes that are still to come of a character of UTF-8, and the smallest the next may be.
    pending: u32,
    is_utf8: bool,
    previous: u8,
    /// High byte whose right neighbour is not known yet.
    waiting: Option<(u8, bool)>,
    /// High bytes beside an ASCII letter, and elsewhere.
    in_words: [u64; 256],
    elsewhere: [u64; 256],
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            head: Vec::new(),
            zeros: 0,
            pending: 0,
            is_utf8: true,
            previous: b' ',
            waiting: None,
            in_words: [0; 256],
            elsewhere: [0; 256],
        }
    }
}

impl Survey {
    fn note(&mut self, byte: u8) {
        if self.head.len() < HEAD_BYTES {
            self.head.push(byte);
        }
        self.zeros += u64::from(byte == 0);
        self.follow_utf8(byte);
        if let Some((high, left)) = self.waiting.take() {
            let beside = left || byte.is_ascii_alphabetic();
            let counts = if beside { &mut self.in_words } else { &mut self.elsewhere };
            if let Some(count) = counts.get_mut(usize::from(high)) {
                *count += 1;
            }
        }
        if !byte.is_ascii() {
            self.waiting = Some((byte, self.previous.is_ascii_alphabetic()));
        }
        self.previous = byte;
    }

    /// Follows UTF-8 byte by byte: lengths and continuations, which no other encoding keeps by
    /// chance for long.
    fn follow_utf8(&mut self, byte: u8) {
        match (self.pending, byte) {
            (0, 0..=0x7F) => {}
            (0, 0xC2..=0xDF) => self.pending = 1,
            (0, 0xE0..=0xEF) => self.pending = 2,
            (0, 0xF0..=0xF4) => self.pending = 3,
            (1.., 0x80..=0xBF) => self.pending -= 1,
            _ => self.is_utf8 = false,
        }
    }

    fn encodings(&self) -> Encodings {
        let starts = |mark: &[u8]| self.head.starts_with(mark);
        if starts(&[0xFF, 0xFE]) || starts(&[0xFE, 0xFF]) {
            return Encodings::Settled(Encoding::Utf16);
        }
        if self.zeros > 0 {
            let first_is_zero = self.head.first() == Some(&0);
            let order = if first_is_zero { Encoding::Utf16Be } else { Encoding::Utf16Le };
            return Encodings::Settled(order);
        }
        if self.is_utf8 && self.pending == 0 {
            return Encodings::Settled(Encoding::Utf8);
        }
        self.of_one_byte()
    }

    /// The encoding of one byte a character that fits best, or those between which nothing decides.
    fn of_one_byte(&self) -> Encodings {
        let mut fitting: Vec<Fit> = CANDIDATES.iter().filter_map(|name| self.fit(name)).collect();
        // A sort that keeps the order of the candidates where scores are equal.
        fitting.sort_by_key(|fit| std::cmp::Reverse(fit.score));
        let Some(best) = fitting.first() else {
            return Encodings::Open(vec![Encoding::Windows1252]);
        };
        // An equal score is settled by the order, since a language has more letters than are alike.
        let near = |fit: &&Fit| fit.score < best.score && fit.score * 20 >= best.score * 19;
        let rivals = fitting.iter().skip(1).filter(near).filter(|fit| fit.text != best.text);
        let rivals: Vec<Encoding> = rivals.map(|fit| fit.encoding).collect();
        if rivals.is_empty() {
            return Encodings::Settled(best.encoding);
        }
        Encodings::Open([vec![best.encoding], rivals].concat())
    }

    /// Fit of an encoding; none if it lacks one of the bytes that are there, or is not read.
    fn fit(&self, name: &str) -> Option<Fit> {
        let encoding = Encoding::parse(name)?;
        let mut text = String::new();
        let (mut letters, mut signs) = (Vec::new(), 0_u64);
        for byte in 0x80..=0xFF_u8 {
            let count = |counts: &[u64; 256]| counts.get(usize::from(byte)).map_or(0, |n| *n);
            let (inside, outside) = (count(&self.in_words), count(&self.elsewhere));
            if inside + outside == 0 {
                continue;
            }
            let letter = letter(name, byte)?;
            text.push(letter);
            match letter {
                letter if letter.is_alphabetic() => letters.push((letter, inside + outside)),
                '’' | '‘' | '\u{A0}' | '°' => {}
                // A sign inside a word is a letter of another encoding.
                _ => signs += inside,
            }
        }
        let languages = if name == "windows-1250" { &CENTRAL[..] } else { &WESTERN[..] };
        let known = |alphabet: &&&str| {
            let known = letters.iter().filter(|(letter, _)| {
                letter.to_lowercase().all(|letter| alphabet.contains(letter))
            });
            known.map(|(_, count)| count).sum::<u64>()
        };
        let best = languages.iter().map(|alphabet| known(&alphabet)).max()?;
        let score = i64::try_from(best).ok()?.checked_sub(i64::try_from(signs).ok()?)?;
        Some(Fit { encoding, score, text })
    }
}

/// Fit of an encoding: letters that the best of its languages has, less signs inside of words.
struct Fit {
    encoding: Encoding,
    score: i64,
    /// The characters of the bytes that are there.
    text: String,
}

/// The character of a byte from 0x80 in one of the encodings that are compared.
fn letter(name: &str, byte: u8) -> Option<char> {
    let of = |table: &str, from: u8| {
        let at = usize::from(byte.checked_sub(from)?);
        table.chars().nth(at).filter(|c| *c != '\u{FFFD}')
    };
    match name {
        "windows-1252" if byte < 0xA0 => of(HIGH_1252, 0x80),
        "windows-1250" if byte < 0xA0 => of(HIGH_1250, 0x80),
        "windows-1250" => of(LETTERS_1250, 0xA0),
        // Controls of ISO 8859, which no export holds.
        "iso-8859-15" if byte < 0xA0 => None,
        "iso-8859-15" => Some(match byte {
            0xA4 => '€',
            0xA6 => 'Š',
            0xA8 => 'š',
            0xB4 => 'Ž',
            0xB8 => 'ž',
            0xBC => 'Œ',
            0xBD => 'œ',
            0xBE => 'Ÿ',
            byte => char::from(byte),
        }),
        _ => Some(char::from(byte)),
    }
}

/// The delimiter that cuts the first records most evenly; a comma if there is one column.
fn delimiter(head: &[u8]) -> Delimiter {
    // In UTF-16 the zeros beside ASCII characters only are in the way.
    let text: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    let text = match text.strip_prefix(&[0xEF, 0xBB, 0xBF]) {
        Some(unmarked) => unmarked,
        None => &text,
    };
    let scored = [b',', b';', b'\t', b'|'].into_iter().filter_map(|byte| {
        let declared = Delimiter::parse(char::from(byte).encode_utf8(&mut [0; 4]))?;
        let (fields, even) = evenness(text, byte, head.len() == HEAD_BYTES);
        (fields > 1).then_some(((even, fields), declared))
    });
    scored.max_by_key(|(score, _)| *score).map_or(Delimiter::Comma, |(_, declared)| declared)
}

/// Fields of the header, and how many of twenty records have as many.
fn evenness(text: &[u8], delimiter: u8, cut: bool) -> (usize, usize) {
    let mut widths = Vec::new();
    let (mut fields, mut quoted, mut start, mut blank) = (1_usize, false, true, true);
    for &byte in text {
        match byte {
            b'"' if quoted || start => {
                quoted = !quoted;
                blank = false;
            }
            b'"' => {}
            byte if byte == delimiter && !quoted => fields += 1,
            b'\n' | b'\r' if !quoted => {
                if !blank {
                    widths.push(fields);
                }
                (fields, blank) = (1, true);
                if widths.len() >= RECORDS_MAX {
                    break;
                }
            }
            byte => blank &= byte.is_ascii_whitespace(),
        }
        // Quotes count at the start of a field, and directly after a closing one.
        start = byte == delimiter || matches!(byte, b'\n' | b'\r' | b'"');
    }
    if !blank && !cut {
        widths.push(fields);
    }
    let header = widths.first().map_or(1, |first| *first);
    let same = widths.iter().filter(|width| **width == header).count();
    (header, (same * 20).checked_div(widths.len()).map_or(0, |even| even))
}

/// Encodings of one byte a character that are compared; the more usual ones first.
const CANDIDATES: [&str; 3] = ["windows-1252", "iso-8859-15", "windows-1250"];

/// Letters of languages beside those of ASCII: French, German, Spanish, Portuguese, Italian,
/// Catalan, the Nordic ones, Dutch.
const WESTERN: [&str; 8] = [
    "éèêëàâçîïôûùüœæÿ",
    "äöüß",
    "áéíóúñüªº",
    "ãõáâàçéêíóôúü",
    "àèéìíòóù",
    "àçéèíïóòúü",
    "åäöæøéð þíáýúó",
    "éëïöüèêá",
];

/// The same for Polish, Czech and Slovak, Hungarian, Romanian, Croatian and Slovene.
const CENTRAL: [&str; 5] = ["ąćęłńóśźż", "áčďéěíňóřšťúůýžľĺŕôä", "áéíóöőúüű", "ăâîşţ", "čćđšž"];

const CHUNK_BYTES: usize = 64 * 1024;
const HEAD_BYTES: usize = 256 * 1024;
const RECORDS_MAX: usize = 1_000;

const HIGH_1252: &str = "\
    €\u{FFFD}‚ƒ„…†‡ˆ‰Š‹Œ\u{FFFD}Ž\u{FFFD}\u{FFFD}‘’“”•–—˜™š›œ\u{FFFD}žŸ";
const HIGH_1250: &str = "\
    €\u{FFFD}‚\u{FFFD}„…†‡\u{FFFD}‰Š‹ŚŤŽŹ\u{FFFD}‘’“”•–—\u{FFFD}™š›śťžź";
const LETTERS_1250: &str = "\
    \u{A0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{AD}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(bytes: &[u8]) -> Encodings {
        find(bytes).unwrap().encodings
    }

    fn in_1252(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        Encoding::Windows1252.encode_into(text, &mut bytes);
        bytes
    }

    #[test]
    fn encodings_are_settled_by_the_bytes_that_are_there() {
        let settled = Encodings::Settled;
        assert_eq!(encoding("a,b\né,ł\n".as_bytes()), settled(Encoding::Utf8));
        assert_eq!(encoding(b"a,b\n1,2\n"), settled(Encoding::Utf8));
        let french = in_1252("Prénom;Ville\nFrançois;Besançon\nHélène;Forêt-Fouesnant\n");
        assert_eq!(encoding(&french), settled(Encoding::Windows1252));
        let euro = in_1252("Note\n10 € déjà reçus l’été\n");
        assert_eq!(encoding(&euro), settled(Encoding::Windows1252));
        let utf16: Vec<u8> = "\u{FEFF}a;é\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(encoding(&utf16), settled(Encoding::Utf16));
        let unmarked: Vec<u8> = "a;b\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(encoding(&unmarked), settled(Encoding::Utf16Be));
        assert_eq!(encoding(b"C\xBDur,s\xBDur\n"), settled(Encoding::Iso8859_15));
    }

    #[test]
    fn central_european_letters_are_told_from_western_ones() {
        let Some(central) = Encoding::parse("windows-1250") else { return };
        // `Łódź, Wałęsa, Kościół` and `Dvořák, Novotný, Ševčík, Růžička`.
        let polish = b"\xA3\xF3d\x9F,Wa\xB3\xEAsa,Ko\x9Cci\xF3\xB3\n";
        assert_eq!(encoding(polish), Encodings::Settled(central));
        let czech = b"Dvo\xF8\xE1k,Novotn\xFD,\x8Aev\xE8\xEDk,R\xF9\x9Ei\xE8ka\n";
        assert!(
            encoding(czech).first() == central || matches!(encoding(czech), Encodings::Open(_))
        );
    }

    #[test]
    fn delimiters_are_those_that_cut_evenly() {
        let found = |text: &str| find(text.as_bytes()).unwrap().delimiter;
        assert_eq!(found("a;b;c\n1,5;2,5;\"x;y\"\n1;2;3\n"), Delimiter::Semicolon);
        assert_eq!(found("a\tb\n1, 2\t3\n"), Delimiter::Tab);
        assert_eq!(found("\u{FEFF}a,b\n\"x\n;y\",2\n"), Delimiter::Comma);
        assert_eq!(found("email\na@exemple.fr\n"), Delimiter::Comma);
        assert_eq!(found("\"a;b\",\"c\"\n\"1;2\",\"3\"\n"), Delimiter::Comma);
        assert_eq!(found("\"He said \"\"a;b\"\"\",c\n1,2\n"), Delimiter::Comma);
        if let Some(pipe) = Delimiter::parse("|") {
            assert_eq!(found("a|b|c\n1|2|3\n"), pipe);
        }
    }
}
