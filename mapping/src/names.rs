//! Meaning of the names of columns, in English and French.
//!
//! A name is compared without case, accents and separators. It only says what a column may hold;
//! its cells have to agree.

/// A name in lower case, without accents and separators.
pub(crate) fn folded(name: &str) -> String {
    let plain = |c: char| match c {
        'à' | 'á' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'ö' | 'õ' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        // Sign of a number, as in `N° client`.
        '°' | 'º' => 'o',
        c => c,
    };
    let lower = name.chars().flat_map(char::to_lowercase).map(plain);
    lower.filter(char::is_ascii_alphanumeric).collect()
}

/// Subject of a column, as its name tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Number or code of a customer.
    Customer,
    /// Whatever names a row of some system.
    Id,
    /// Country.
    Country,
    /// Postcode.
    Postcode,
    /// Consent, or what looks like it.
    Consent,
    /// Consent to something that partners or matching are part of.
    PartnerConsent,
    /// Objection, or the end of a subscription.
    Objection,
    /// Time of a consent.
    ConsentTime,
    /// Proof of a consent.
    ConsentProof,
    /// Information notice of a consent.
    Notice,
    /// Time of the last change.
    Updated,
}

/// True if the name of a column is of this subject.
pub(crate) fn is_of(name: &str, subject: Subject) -> bool {
    let time = speaks_of_time(name);
    let name = folded(name);
    let any = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let one = |words: &[&str]| words.contains(&name.as_str());
    let consent = any(&CONSENT);
    let state = consent && !time && !any(&NOT_THE_STATE) && !any(&OBJECTION);
    match subject {
        Subject::Customer => one(&CUSTOMER),
        Subject::Id => {
            one(&CUSTOMER) || (name.ends_with("id") && !any(&["owner", "account", "paid"]))
        }
        Subject::Country => one(&COUNTRY),
        Subject::Postcode => one(&POSTCODE),
        Subject::Consent => state,
        Subject::PartnerConsent => state && any(&["partenaire", "partner", "tiers", "thirdparty"]),
        Subject::Objection => any(&OBJECTION) && !time && !any(&["reason", "motif", "campaign"]),
        Subject::ConsentTime => consent && time && !any(&OBJECTION),
        Subject::ConsentProof => {
            consent && any(&["ref", "preuve", "proof", "receipt", "recu"]) && !time
        }
        Subject::Notice => any(&["mention", "notice"]) && !any(&["note"]) || one(&["versiontexte"]),
        Subject::Updated => one(&UPDATED),
    }
}

/// True if a name speaks of a time.
pub(crate) fn speaks_of_time(name: &str) -> bool {
    let words = ["date", "time", "heure", "jour", "timestamp", "horodatage"];
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
    let last = last.map_or_else(String::new, str::to_lowercase);
    let folded = folded(name);
    words.iter().any(|word| folded.contains(word))
        || matches!(last.as_str(), "at" | "le" | "on" | "day") && last.len() < folded.len()
        || folded == "day"
}

/// True if a name speaks of a telephone number of the row's person.
pub(crate) fn speaks_of_phone(name: &str) -> bool {
    let name = folded(name);
    let words = ["phone", "tel", "mobile", "portable", "gsm", "cell"];
    let other = ["fax", "hotel", "consent", "optin", "optout", "marketing", "sms", "model"];
    words.iter().any(|word| name.contains(word))
        && !other.iter().any(|word| name.contains(word))
        && !is_of_someone_else(&name)
}

/// True if a name speaks of somebody who is not the row's person, such as a seller.
pub(crate) fn is_of_someone_else(name: &str) -> bool {
    let name = folded(name);
    let words = [
        "owner",
        "proprietaire",
        "commercial",
        "vendeur",
        "conseiller",
        "agent",
        "manager",
        "parrain",
        "referrer",
        "createdby",
        "modifiedby",
        "assistant",
        "company",
        "societe",
    ];
    words.iter().any(|word| name.contains(word))
}

const CUSTOMER: [&str; 32] = [
    "rowid",
    "id",
    "customerid",
    "customernumber",
    "customerkey",
    "customerno",
    "clientid",
    "idclient",
    "noclient",
    "nclient",
    "numclient",
    "numeroclient",
    "codeclient",
    "refclient",
    "referenceclient",
    "contactid",
    "idcontact",
    "recordid",
    "userid",
    "iduser",
    "memberid",
    "idmembre",
    "numeroadherent",
    "noadherent",
    "externalid",
    "identifiant",
    "identifiantclient",
    "klaviyoid",
    "personid",
    "leadid",
    "idcrm",
    "crmid",
];

const COUNTRY: [&str; 13] = [
    "country",
    "countrycode",
    "countryregion",
    "pays",
    "codepays",
    "paysiso",
    "mailingcountry",
    "mailingcountrycode",
    "defaultaddresscountrycode",
    "addresscountrycode",
    "cc",
    "addresscountry",
    "countryiso",
];

const POSTCODE: [&str; 13] = [
    "postcode",
    "postalcode",
    "codepostal",
    "cp",
    "zip",
    "zipcode",
    "mailingpostalcode",
    "defaultaddresszip",
    "addresszip",
    "codepostalclient",
    "mailingzip",
    "npa",
    "plz",
];

/// Beginnings of words for consent, or for what is taken for it.
const CONSENT: [&str; 14] = [
    "consent",
    "optin",
    "accord",
    "accept",
    "subscri",
    "abonn",
    "newsletter",
    "marketing",
    "rgpd",
    "gdpr",
    "legalbasis",
    "baselegale",
    "autoris",
    "permission",
];

const OBJECTION: [&str; 16] = [
    "opposition",
    "objection",
    "optout",
    "optedout",
    "unsub",
    "desabon",
    "desinscri",
    "donotcontact",
    "donotmail",
    "donotcall",
    "nepascontacter",
    "refus",
    "blacklist",
    "listenoire",
    "stopcontact",
    "suppress",
];

/// Words of columns beside a consent that do not hold its state.
const NOT_THE_STATE: [&str; 14] = [
    "source", "method", "ip", "level", "ref", "preuve", "proof", "receipt", "version", "mention",
    "notice", "texte", "canal", "campaign",
];

const UPDATED: [&str; 15] = [
    "updatedat",
    "updated",
    "datemaj",
    "maj",
    "datemodification",
    "lastmodified",
    "lastmodifieddate",
    "lastchanged",
    "lastupdated",
    "modifiele",
    "systemmodstamp",
    "derniermodification",
    "datedemodification",
    "updateddate",
    "datemiseajour",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_accents_and_separators() {
        assert_eq!(folded("N° client"), "noclient");
        assert_eq!(folded("Tél. mobile"), "telmobile");
        assert_eq!(folded("Email Marketing: Updated At"), "emailmarketingupdatedat");
    }

    #[test]
    fn a_name_says_what_its_column_is_about() {
        for (name, subject) in [
            ("N° client", Subject::Customer),
            ("Klaviyo ID", Subject::Customer),
            ("Record ID", Subject::Customer),
            ("LEID", Subject::Id),
            ("Pays", Subject::Country),
            ("Code postal", Subject::Postcode),
            ("Email Marketing Consent", Subject::Consent),
            ("Accepts Email Marketing", Subject::Consent),
            ("Optin partenaires", Subject::PartnerConsent),
            ("Opposition", Subject::Objection),
            ("HasOptedOutOfEmail", Subject::Objection),
            ("Date optin", Subject::ConsentTime),
            ("Email Marketing Consent Timestamp", Subject::ConsentTime),
            ("OPTIN_TIME", Subject::ConsentTime),
            ("Email Marketing: Updated At", Subject::ConsentTime),
            ("Réf. consentement", Subject::ConsentProof),
            ("Version mentions", Subject::Notice),
            ("Date maj", Subject::Updated),
        ] {
            assert!(is_of(name, subject), "{name} is of {subject:?}");
        }
        for (name, subject) in [
            ("Email", Subject::Consent),
            ("OPTIN_IP", Subject::Consent),
            ("Date optin", Subject::Consent),
            ("Unsubscribed from all email", Subject::Consent),
            ("AccountId", Subject::Id),
            ("UNSUB_TIME", Subject::ConsentTime),
            ("Note", Subject::Notice),
        ] {
            assert!(!is_of(name, subject), "{name} is not of {subject:?}");
        }
    }

    #[test]
    fn addresses_and_numbers_of_other_people_are_left_alone() {
        assert!(!is_of_someone_else("E-mail 2") && !is_of_someone_else("Email Address"));
        assert!(is_of_someone_else("Owner email") && is_of_someone_else("Mail du vendeur"));
        assert!(speaks_of_phone("Tél. bureau") && speaks_of_phone("MobilePhone"));
        assert!(!speaks_of_phone("AssistantPhone") && !speaks_of_phone("Accepts SMS Marketing"));
    }
}
