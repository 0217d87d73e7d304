//! Reason codes, warnings, and repairs: stable ASCII identifiers, never translated.
//!
//! Every value that yields no identifier is counted under exactly one code, the first that
//! applies in the order of the rules. Codes of kinds that are not built yet are not listed. The
//! words for each, and what to do about it, are texts of `report`.

use report::Text;

/// Reason for which a value, or a whole row, yields no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are not text in the declared encoding.
    EncodingInvalid,
    /// The text was decoded twice, or lost characters on the way.
    EncodingMojibake,
    /// A control character other than tab and line ends.
    ControlCharacter,
    /// More than 1,024 bytes.
    TooLong,
    /// A formula of a spreadsheet, such as `="0637481596"`.
    SpreadsheetFormula,
    /// A placeholder such as `test@test.com`.
    GenericValue,
    /// Carried by more rows of one file than its kind allows.
    SharedIdentifier,
    /// More identifiers in a row than the row has slots.
    IdentifierBeyondWidth,
    /// The purpose does not allow this field.
    FieldNotAllowed,
    /// The terms do not name this kind.
    KindNotInTerms,
    /// A fixed line, where the terms admit links of individuals only.
    HouseholdNotInTerms,
    /// An earlier row, in the committed order, holds the same identifier.
    IdentifierHeldByEarlierRow,

    /// A digest, where addresses in clear belong.
    EmailIsDigest,
    /// No `@`.
    EmailNoAt,
    /// More than one `@`.
    EmailMultipleAt,
    /// Nothing before or nothing after the `@`.
    EmailEmptyPart,
    /// White space inside.
    EmailInnerSpace,
    /// A display name or quotes around the address.
    EmailDisplayName,
    /// Several addresses in one field.
    EmailMultipleValues,
    /// More than 64 bytes before the `@`.
    EmailLocalTooLong,
    /// A percent escape before the `@`, such as `%20`.
    EmailPercentEscape,
    /// A character before the `@` that no local part has, or a quotation mark around it.
    EmailLocalCharacter,
    /// The domain breaks the rules for domain names.
    EmailDomainInvalid,
    /// The domain has no dot.
    EmailDomainNoTld,
    /// The last label of the domain is a number.
    EmailDomainNumeric,
    /// An address literal in brackets.
    EmailDomainLiteral,
    /// A top-level domain reserved for special use.
    EmailDomainReserved,
    /// A mailbox of a function, not of a person.
    EmailRoleMailbox,
    /// A throw-away address.
    EmailDisposable,

    /// A digest, where numbers in clear belong.
    PhoneIsDigest,
    /// The scientific notation of a spreadsheet, which has lost the last digits.
    PhoneScientific,
    /// A day, where numbers belong.
    PhoneIsDate,
    /// A number that went through a column of decimal numbers.
    PhoneDecimal,
    /// A number behind a switchboard.
    PhoneHasExtension,
    /// Several numbers in one field.
    PhoneMultipleValues,
    /// A label before the number, such as `p:`.
    PhoneHasLabel,
    /// Letters among the digits.
    PhoneHasLetters,
    /// A character that no telephone number has.
    PhoneBadCharacter,
    /// Fewer than five digits, or only zeros.
    PhoneTooShort,
    /// More digits than any number has.
    PhoneTooLong,
    /// A national number, and with the calling code it begins with another one.
    PhoneAmbiguousPrefix,
    /// A national number, and nothing in the row says of which region.
    PhoneRegionMissing,
    /// No number of its region; with `+` before it, one of another country.
    PhonePlusMissing,
    /// Not a valid number of its region.
    PhoneInvalid,
    /// A toll-free, premium-rate, shared-cost, universal-access, voicemail or pager number.
    PhoneNotPersonal,
    /// A fixed line, where the options exclude them.
    PhoneFixedExcluded,
    /// Not known to be a mobile number, where the terms admit links of individuals only.
    PhoneMobileUnknown,
    /// The country column is neither a known name of France nor an ISO 3166-1 alpha-2 code.
    CountryInvalid,

    /// Not 32 bytes in hexadecimal or Base64.
    PrehashMalformed,
    /// Base64 of the hexadecimal text instead of the bytes.
    PrehashBase64OfHex,
    /// The length of MD5 or SHA-1 in hexadecimal.
    PrehashAlgorithmRefused,
    /// An e-mail address or a telephone number in clear.
    PrehashIsPlaintext,
    /// The digest of a placeholder.
    PrehashGenericValue,
    /// A kind that cannot be given as a digest.
    PrehashTypeRefused,
    /// The column does not declare the rules used before hashing.
    PrehashRulesetMissing,

    /// The person opted out.
    RowOptout,
    /// The person asked for erasure.
    RowErased,
    /// Processing is restricted.
    RowRestricted,
    /// No consent for the purpose.
    RowNoConsent,
    /// The policy of the node excludes the row.
    RowPolicy,
    /// Every field was rejected or absent.
    RowNoUsableIdentifier,
    /// Another row has the same row id.
    RowDuplicateId,
    /// The purposes consented to hold a name that is none.
    ConsentValueUnknown,
    /// The reference of the consent is absent.
    ConsentRefMissing,
    /// The notice that was shown is absent.
    ConsentNoticeMissing,
    /// The time of the consent is absent.
    ConsentAtMissing,
    /// The time of the consent is in no form that is read.
    ConsentAtUnreadable,
    /// The time of the consent is before the year 2000, or ahead of the clock.
    ConsentAtImplausible,
    /// The consent is older than the settings or the terms allow.
    ConsentTooOld,
    /// The objections hold a text that is not understood.
    ObjectionValueUnknown,
    /// A row that objects holds the same address or mobile number.
    RowOptoutByIdentifier,
    /// A row that objects holds the same household number.
    IdentifierObjected,
    /// A value that the map does not list; the cell counts as absent.
    ColumnValueUnknown,
}

impl Reason {
    /// Every reason code of this version, in the order of the rules.
    pub const ALL: [Self; 73] = [
        Self::EncodingInvalid,
        Self::EncodingMojibake,
        Self::ControlCharacter,
        Self::TooLong,
        Self::SpreadsheetFormula,
        Self::GenericValue,
        Self::SharedIdentifier,
        Self::IdentifierBeyondWidth,
        Self::FieldNotAllowed,
        Self::KindNotInTerms,
        Self::HouseholdNotInTerms,
        Self::IdentifierHeldByEarlierRow,
        Self::EmailIsDigest,
        Self::EmailNoAt,
        Self::EmailMultipleAt,
        Self::EmailEmptyPart,
        Self::EmailInnerSpace,
        Self::EmailDisplayName,
        Self::EmailMultipleValues,
        Self::EmailLocalTooLong,
        Self::EmailPercentEscape,
        Self::EmailLocalCharacter,
        Self::EmailDomainInvalid,
        Self::EmailDomainNoTld,
        Self::EmailDomainNumeric,
        Self::EmailDomainLiteral,
        Self::EmailDomainReserved,
        Self::EmailRoleMailbox,
        Self::EmailDisposable,
        Self::PhoneIsDigest,
        Self::PhoneScientific,
        Self::PhoneIsDate,
        Self::PhoneDecimal,
        Self::PhoneHasExtension,
        Self::PhoneMultipleValues,
        Self::PhoneHasLabel,
        Self::PhoneHasLetters,
        Self::PhoneBadCharacter,
        Self::PhoneTooShort,
        Self::PhoneTooLong,
        Self::PhoneAmbiguousPrefix,
        Self::PhoneRegionMissing,
        Self::PhonePlusMissing,
        Self::PhoneInvalid,
        Self::PhoneNotPersonal,
        Self::PhoneFixedExcluded,
        Self::PhoneMobileUnknown,
        Self::CountryInvalid,
        Self::PrehashMalformed,
        Self::PrehashBase64OfHex,
        Self::PrehashAlgorithmRefused,
        Self::PrehashIsPlaintext,
        Self::PrehashGenericValue,
        Self::PrehashTypeRefused,
        Self::PrehashRulesetMissing,
        Self::RowOptout,
        Self::RowErased,
        Self::RowRestricted,
        Self::RowNoConsent,
        Self::RowPolicy,
        Self::RowNoUsableIdentifier,
        Self::RowDuplicateId,
        Self::ConsentValueUnknown,
        Self::ConsentRefMissing,
        Self::ConsentNoticeMissing,
        Self::ConsentAtMissing,
        Self::ConsentAtUnreadable,
        Self::ConsentAtImplausible,
        Self::ConsentTooOld,
        Self::ObjectionValueUnknown,
        Self::RowOptoutByIdentifier,
        Self::IdentifierObjected,
        Self::ColumnValueUnknown,
    ];

    /// The stable code, as counted and printed.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::EncodingInvalid => "encoding_invalid",
            Self::EncodingMojibake => "encoding_mojibake",
            Self::ControlCharacter => "control_character",
            Self::TooLong => "too_long",
            Self::SpreadsheetFormula => "spreadsheet_formula",
            Self::GenericValue => "generic_value",
            Self::SharedIdentifier => "shared_identifier",
            Self::IdentifierBeyondWidth => "identifier_beyond_width",
            Self::FieldNotAllowed => "field_not_allowed",
            Self::KindNotInTerms => "kind_not_in_terms",
            Self::HouseholdNotInTerms => "household_not_in_terms",
            Self::IdentifierHeldByEarlierRow => "identifier_held_by_earlier_row",
            Self::EmailIsDigest => "email_is_digest",
            Self::EmailNoAt => "email_no_at",
            Self::EmailMultipleAt => "email_multiple_at",
            Self::EmailEmptyPart => "email_empty_part",
            Self::EmailInnerSpace => "email_inner_space",
            Self::EmailDisplayName => "email_display_name",
            Self::EmailMultipleValues => "email_multiple_values",
            Self::EmailLocalTooLong => "email_local_too_long",
            Self::EmailPercentEscape => "email_percent_escape",
            Self::EmailLocalCharacter => "email_local_character",
            Self::EmailDomainInvalid => "email_domain_invalid",
            Self::EmailDomainNoTld => "email_domain_no_tld",
            Self::EmailDomainNumeric => "email_domain_numeric",
            Self::EmailDomainLiteral => "email_domain_literal",
            Self::EmailDomainReserved => "email_domain_reserved",
            Self::EmailRoleMailbox => "email_role_mailbox",
            Self::EmailDisposable => "email_disposable",
            Self::PhoneIsDigest => "phone_is_digest",
            Self::PhoneScientific => "phone_scientific",
            Self::PhoneIsDate => "phone_is_date",
            Self::PhoneDecimal => "phone_decimal",
            Self::PhoneHasExtension => "phone_has_extension",
            Self::PhoneMultipleValues => "phone_multiple_values",
            Self::PhoneHasLabel => "phone_has_label",
            Self::PhoneHasLetters => "phone_has_letters",
            Self::PhoneBadCharacter => "phone_bad_character",
            Self::PhoneTooShort => "phone_too_short",
            Self::PhoneTooLong => "phone_too_long",
            Self::PhoneAmbiguousPrefix => "phone_ambiguous_prefix",
            Self::PhoneRegionMissing => "phone_region_missing",
            Self::PhonePlusMissing => "phone_plus_missing",
            Self::PhoneInvalid => "phone_invalid",
            Self::PhoneNotPersonal => "phone_not_personal",
            Self::PhoneFixedExcluded => "phone_fixed_excluded",
            Self::PhoneMobileUnknown => "phone_mobile_unknown",
            Self::CountryInvalid => "country_invalid",
            Self::PrehashMalformed => "prehash_malformed",
            Self::PrehashBase64OfHex => "prehash_base64_of_hex",
            Self::PrehashAlgorithmRefused => "prehash_algorithm_refused",
            Self::PrehashIsPlaintext => "prehash_is_plaintext",
            Self::PrehashGenericValue => "prehash_generic_value",
            Self::PrehashTypeRefused => "prehash_type_refused",
            Self::PrehashRulesetMissing => "prehash_ruleset_missing",
            Self::RowOptout => "row_optout",
            Self::RowErased => "row_erased",
            Self::RowRestricted => "row_restricted",
            Self::RowNoConsent => "row_no_consent",
            Self::RowPolicy => "row_policy",
            Self::RowNoUsableIdentifier => "row_no_usable_identifier",
            Self::RowDuplicateId => "row_duplicate_id",
            Self::ConsentValueUnknown => "consent_value_unknown",
            Self::ConsentRefMissing => "consent_ref_missing",
            Self::ConsentNoticeMissing => "consent_notice_missing",
            Self::ConsentAtMissing => "consent_at_missing",
            Self::ConsentAtUnreadable => "consent_at_unreadable",
            Self::ConsentAtImplausible => "consent_at_implausible",
            Self::ConsentTooOld => "consent_too_old",
            Self::ObjectionValueUnknown => "objection_value_unknown",
            Self::RowOptoutByIdentifier => "row_optout_by_identifier",
            Self::IdentifierObjected => "identifier_objected",
            Self::ColumnValueUnknown => "column_value_unknown",
        }
    }

    /// The fact that the code stands for, in words; the attribute `try` says what to do.
    pub fn text(self) -> Text {
        Text::named(format!("reason-{}", self.code()))
    }

    /// Reads a code back.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// Something worth telling about a value that was accepted; never changes its canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// A private relay alias, unique per site: practically never matches.
    EmailRelayDomain,
    /// A top-level domain absent from the pinned list; usually a typing error.
    EmailUnknownTld,
    /// A frequent misspelling of a large mailbox provider; the address is not corrected.
    EmailTypoDomain,
    /// A doubled dot before the `@`, or punctuation at either end of the local part.
    EmailOddLocal,
    /// Nothing is left of the local part in the Gmail form, which is therefore missing.
    EmailGmailEmptyLocal,
    /// A mailbox of a function, kept because the options say so.
    EmailRoleMailbox,
    /// A throw-away address, kept because the options say so.
    EmailDisposable,
}

impl Warning {
    /// Every warning of this version.
    pub const ALL: [Self; 7] = [
        Self::EmailRelayDomain,
        Self::EmailUnknownTld,
        Self::EmailTypoDomain,
        Self::EmailOddLocal,
        Self::EmailGmailEmptyLocal,
        Self::EmailRoleMailbox,
        Self::EmailDisposable,
    ];

    /// The stable code, as counted and printed.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::EmailRelayDomain => "email_relay_domain",
            Self::EmailUnknownTld => "email_unknown_tld",
            Self::EmailTypoDomain => "email_typo_domain",
            Self::EmailOddLocal => "email_odd_local",
            Self::EmailGmailEmptyLocal => "email_gmail_empty_local",
            Self::EmailRoleMailbox => "email_role_mailbox",
            Self::EmailDisposable => "email_disposable",
        }
    }

    /// The fact that the code stands for, in words.
    pub fn text(self) -> Text {
        Text::named(format!("warning-{}", self.code()))
    }
}

/// A value that was mended on the way; counted, not hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// `+33` before a French overseas number, mended by the post code of the row.
    PhoneOverseas,
    /// An apostrophe before the value, by which spreadsheets mark text.
    TextMark,
    /// `\x` or `0x` before the digits of a digest, by which databases mark hexadecimal.
    HexPrefix,
}

impl Repair {
    /// Every repair of this version.
    pub const ALL: [Self; 3] = [Self::PhoneOverseas, Self::TextMark, Self::HexPrefix];

    /// The stable code, as counted and printed.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PhoneOverseas => "repaired_phone_overseas",
            Self::TextMark => "repaired_text_mark",
            Self::HexPrefix => "repaired_hex_prefix",
        }
    }

    /// The repair in words.
    pub fn text(self) -> Text {
        Text::named(format!("repair-{}", self.code()))
    }
}

#[cfg(test)]
mod tests {
    use report::Lang;

    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        let mut codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert_eq!(Reason::from_code("absent"), None);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(codes.iter().all(|code| code.chars().all(plain)));
    }

    #[test]
    fn all_lists_every_variant_once() {
        let mut sorted = Reason::ALL;
        sorted.sort_unstable();
        assert_eq!(sorted, Reason::ALL);
        assert_eq!(Reason::ALL.len(), Reason::ColumnValueUnknown as usize + 1);
        assert_eq!(Warning::ALL.len(), Warning::EmailDisposable as usize + 1);
        assert_eq!(Repair::ALL.len(), Repair::HexPrefix as usize + 1);
    }

    #[test]
    fn every_code_has_its_words_in_both_languages() {
        for lang in Lang::ALL {
            for reason in Reason::ALL {
                assert!(reason.text().exists(lang), "{reason:?}");
                assert!(reason.text().attribute("try").exists(lang), "{reason:?}");
            }
            for warning in Warning::ALL {
                assert!(warning.text().exists(lang), "{warning:?}");
            }
            for repair in Repair::ALL {
                assert!(repair.text().exists(lang), "{repair:?}");
            }
        }
    }
}
