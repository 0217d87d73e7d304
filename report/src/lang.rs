//! The reader of a text: language, own role, and how much typography the output takes.

use protocol::transcript::Role;

/// A language that every text exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// British English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Lang {
    /// Both languages.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// The name in options and in the environment.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// The language of a name such as `fr`, `fr_FR.UTF-8` or `fr-CA`; `None` for one without texts.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let language = name.split(['_', '-', '.', '@']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| language.eq_ignore_ascii_case(lang.name()))
    }

    /// The language for these arguments of a program, before they are parsed: `--lang`, else
    /// `VEILMATCH_LANG`, `LC_ALL`, `LC_MESSAGES`, `LANG`, else English.
    ///
    /// A name without texts counts as English where it stands in the environment, as `C` does; in
    /// an option it is a mistake that the parser tells.
    #[must_use]
    pub fn detect(
        arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let argument = argument.as_ref().to_string_lossy().into_owned();
            let named = match argument.strip_prefix("--lang") {
                Some("") => arguments.next().map(|next| next.as_ref().to_string_lossy().into()),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None if argument == "--" => break,
                None => None,
            };
            if let Some(lang) = named.as_deref().and_then(Self::parse) {
                return lang;
            }
        }
        let first = first_set(&VARIABLES, variable);
        first.and_then(|value| Self::parse(&value)).unwrap_or_default()
    }
}

/// The reader of the texts of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reader {
    /// The language.
    pub lang: Lang,
    /// The role of the node; `None` for the auditor and for logs.
    pub own: Option<Role>,
    /// True where the output takes no character beyond ASCII typography: spaces and quotation
    /// marks become plain ones.
    pub plain: bool,
}

impl Reader {
    /// The reader of logs and of machine-readable texts.
    pub const LOG: Self = Self { lang: Lang::En, own: None, plain: false };

    /// The reader of this process, by its arguments and environment.
    #[must_use]
    pub fn detect(own: Option<Role>) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let lang = Lang::detect(std::env::args_os().skip(1), variable);
        let locale = first_set(&["LC_ALL", "LC_CTYPE", "LANG"], variable);
        let charset = locale.and_then(|locale| {
            let (_, rest) = locale.split_once('.')?;
            Some(rest.split('@').next().unwrap_or_default().to_ascii_lowercase())
        });
        let plain = charset.is_some_and(|charset| charset != "utf-8" && charset != "utf8");
        Self { lang, own, plain }
    }

    /// An English reader of this role.
    #[must_use]
    pub const fn of(own: Role) -> Self {
        Self { lang: Lang::En, own: Some(own), plain: false }
    }

    /// The same reader of English, for files and machines.
    #[must_use]
    pub const fn in_english(self) -> Self {
        Self { lang: Lang::En, plain: false, ..self }
    }
}

/// The value of the first of these variables that is set and not empty.
fn first_set(names: &[&str], variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty())
}

const VARIABLES: [&str; 4] = ["VEILMATCH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(arguments: &[&str], set: &[(&str, &str)]) -> Lang {
        Lang::detect(arguments, |name| {
            let found = set.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn option_prevails_over_variables_in_their_order() {
        assert_eq!(detect(&[], &[]), Lang::En);
        assert_eq!(detect(&[], &[("LANG", "fr_FR.UTF-8")]), Lang::Fr);
        assert_eq!(detect(&[], &[("LANG", "fr_FR.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(detect(&[], &[("LANG", "de_DE"), ("LC_MESSAGES", "")]), Lang::En);
        assert_eq!(detect(&[], &[("LC_ALL", "C"), ("VEILMATCH_LANG", "fr")]), Lang::Fr);
        let fr = [("VEILMATCH_LANG", "fr")];
        assert_eq!(detect(&["run", "--lang", "en"], &fr), Lang::En);
        assert_eq!(detect(&["--lang=en", "run"], &fr), Lang::En);
        assert_eq!(detect(&["run", "--", "--lang=en"], &fr), Lang::Fr);
        assert_eq!(detect(&["run", "--lang", "klingon"], &fr), Lang::Fr);
    }
}
