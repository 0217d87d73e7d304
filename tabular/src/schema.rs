//! Fields that a kind of file may have, and what each of them holds.

/// The fields that a kind of file may have.
#[derive(Debug)]
pub struct Schema {
    /// Every field under our own name; its position here is its position in a [`crate::Row`].
    pub columns: &'static [Column],
    /// Beginnings of our own names that are accepted and not used in this version.
    pub families: &'static [&'static str],
    /// Positions of fields of which a file needs at least one; the first is named where none is.
    pub one_of: &'static [usize],
    /// Program whose command `map` makes a map of such a file.
    pub program: &'static str,
}

impl Schema {
    /// Our own name of a field.
    #[must_use]
    pub fn name(&self, position: usize) -> &'static str {
        self.columns.get(position).map_or("", |column| column.name)
    }

    /// Position of a field by our own name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A field of a [`Schema`].
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Our own name of it.
    pub name: &'static str,
    /// Need of it in a file.
    pub need: Need,
    /// Content of its cells.
    pub holds: Holds,
    /// True if it is a further one of the field before it, such as a second address: no map names
    /// it, because a map lists all columns under the first.
    pub further: bool,
}

impl Column {
    /// A field that must be there.
    #[must_use]
    pub const fn required(name: &'static str, holds: Holds) -> Self {
        Self { name, need: Need::Required, holds, further: false }
    }

    /// A field that may be there.
    #[must_use]
    pub const fn optional(name: &'static str, holds: Holds) -> Self {
        Self { name, need: Need::Optional, holds, further: false }
    }

    /// A field that is accepted and not used in this version.
    #[must_use]
    pub const fn unused(name: &'static str) -> Self {
        Self { name, need: Need::Unused, holds: Holds::Text, further: false }
    }

    /// The same field, as a further one of the field before it.
    #[must_use]
    pub const fn further(self) -> Self {
        Self { further: true, ..self }
    }
}

/// Content of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A reference: the id of a row, a person, a proof.
    Name,
    /// Text without a further meaning.
    Text,
    /// E-mail addresses.
    Email,
    /// SHA-256 of e-mail addresses.
    EmailDigest,
    /// Telephone numbers.
    Phone,
    /// SHA-256 of telephone numbers.
    PhoneDigest,
    /// An identifier of the kind that another field says.
    Identifier,
    /// Names of purposes that somebody agreed to.
    Purposes,
    /// Names of purposes that somebody objects to, or a flag.
    Objections,
    /// A time.
    Time,
    /// A day, or a time of it.
    Day,
    /// Several texts.
    List,
    /// A word out of a closed list.
    Code,
}

impl Holds {
    /// True if a cell may hold several entries: with `|` between them in text, an array elsewhere.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Purposes | Self::Objections | Self::List)
    }

    /// True for identifiers of persons, of which a row may have several in order of preference.
    #[must_use]
    pub const fn is_identifier(self) -> bool {
        matches!(
            self,
            Self::Email | Self::EmailDigest | Self::Phone | Self::PhoneDigest | Self::Identifier
        )
    }

    /// True if telephone numbers may stand there, whose fraction shows that digits were lost.
    #[must_use]
    pub const fn may_be_phone(self) -> bool {
        matches!(self, Self::Phone | Self::Identifier)
    }
}

/// Need of a field in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Must be there.
    Required,
    /// May be there.
    Optional,
    /// May be there and is not read.
    Unused,
}

/// Role of a column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read.
    Used,
    /// Known and not used in this version.
    Unused,
    /// Ignored, as its owner says.
    Ignored,
}
