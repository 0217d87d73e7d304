//! Presets: the tools that an export may come from, recognised by its header.
//!
//! A preset knows names of columns and the clock of a tool. None of them says that a person agreed
//! to anything: consent is asked for whatever the tool.

/// What is known of the exports of one tool.
#[derive(Debug)]
pub struct Preset {
    /// Name in options and reports.
    pub name: &'static str,
    /// Columns of which each has to be there; of several in a row one.
    signs: &'static [&'static [&'static str]],
    /// Column that names a customer, the first that is there.
    pub(crate) row_id: &'static [&'static str],
    /// Columns of addresses, by preference.
    pub(crate) email: &'static [&'static str],
    /// Columns of telephone numbers, by preference.
    pub(crate) phone: &'static [&'static str],
    /// Column of the country, the first that is there.
    pub(crate) country: &'static [&'static str],
    /// Column of the postcode, the first that is there.
    pub(crate) postcode: &'static [&'static str],
    /// Columns that look like consent, the first that is there.
    pub(crate) consent: &'static [&'static str],
    /// Columns with the time of it, the first that holds anything.
    pub(crate) consent_at: &'static [&'static str],
    /// Columns of objections or of the end of a subscription.
    pub(crate) objections: &'static [&'static str],
    /// Column with the time of the last change.
    pub(crate) updated_at: &'static [&'static str],
    /// Clock of times without a zone, where the tool has one for all.
    pub(crate) zone: Option<&'static str>,
    /// True if every row of such a file is of somebody who is subscribed.
    pub(crate) subscribers_only: bool,
}

impl Preset {
    /// The preset of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|preset| preset.name.eq_ignore_ascii_case(name))
    }

    /// The preset whose signs are all in a header.
    #[must_use]
    pub fn of<'a>(header: impl IntoIterator<Item = &'a str>) -> Option<&'static Self> {
        let header: Vec<&str> = header.into_iter().map(str::trim).collect();
        let has = |name: &&str| header.iter().any(|column| column.eq_ignore_ascii_case(name));
        ALL.iter().find(|preset| preset.signs.iter().all(|one_of| one_of.iter().any(has)))
    }
}

/// The name of the tool that a header is of, as a message names it.
#[must_use]
pub fn recognise<'a>(header: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    Preset::of(header).map(|preset| preset.name)
}

/// Names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|preset| preset.name)
}

/// Every preset; the more particular ones first.
static ALL: [Preset; 9] = [
    Preset {
        name: "Klaviyo",
        signs: &[&["Klaviyo ID"], &["Email"]],
        row_id: &["Klaviyo ID"],
        email: &["Email"],
        phone: &["Phone Number"],
        country: &["Country"],
        postcode: &["Zip Code"],
        consent: &["Email Marketing Consent"],
        consent_at: &["Email Marketing Consent Timestamp"],
        objections: &["Email Marketing Consent"],
        updated_at: &[],
        zone: Some("UTC"),
        subscribers_only: false,
    },
    Preset {
        name: "Shopify",
        signs: &[&["Customer ID"], &["Accepts Email Marketing"], &["Tax Exempt", "Total Orders"]],
        row_id: &["Customer ID"],
        email: &["Email"],
        phone: &["Phone", "Default Address Phone"],
        country: &["Default Address Country Code"],
        postcode: &["Default Address Zip"],
        consent: &["Accepts Email Marketing"],
        consent_at: &[],
        objections: &[],
        updated_at: &[],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "Shopify",
        signs: &[&["ID"], &["Email"], &["Email Marketing: Status"]],
        row_id: &["ID"],
        email: &["Email"],
        phone: &["Phone", "Address Phone"],
        country: &["Address Country Code"],
        postcode: &["Address Zip"],
        consent: &["Email Marketing: Status"],
        consent_at: &["Email Marketing: Updated At"],
        objections: &["Email Marketing: Status"],
        updated_at: &["Updated At"],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "Mailchimp",
        signs: &[&["Email Address"], &["MEMBER_RATING"], &["LEID"]],
        row_id: &["EUID", "LEID"],
        email: &["Email Address"],
        phone: &["Phone Number", "SMS Phone Number"],
        country: &["CC"],
        postcode: &["Zip Code"],
        consent: &[],
        consent_at: &["OPTIN_TIME", "CONFIRM_TIME"],
        objections: &[],
        updated_at: &["LAST_CHANGED"],
        zone: Some("UTC"),
        subscribers_only: true,
    },
    Preset {
        name: "HubSpot",
        signs: &[
            &["Record ID", "Record ID - Contact"],
            &["Email"],
            &["Lifecycle Stage", "Lead Status", "Contact owner"],
        ],
        row_id: &["Record ID", "Record ID - Contact"],
        email: &["Email"],
        phone: &["Mobile Phone Number", "Phone Number"],
        country: &["Country/Region Code", "Country/Region", "IP Country Code"],
        postcode: &["Postal Code"],
        consent: &["Legal basis for processing contact's data"],
        consent_at: &[],
        objections: &["Unsubscribed from all email"],
        updated_at: &["Last Modified Date"],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "Salesforce",
        signs: &[&["Id"], &["AccountId", "ConvertedAccountId"], &["HasOptedOutOfEmail"]],
        row_id: &["Id"],
        email: &["Email"],
        phone: &["MobilePhone", "Phone", "HomePhone", "OtherPhone"],
        country: &["MailingCountryCode", "CountryCode", "MailingCountry", "Country"],
        postcode: &["MailingPostalCode", "PostalCode"],
        consent: &[],
        consent_at: &[],
        objections: &["HasOptedOutOfEmail"],
        updated_at: &["LastModifiedDate", "SystemModstamp"],
        zone: Some("UTC"),
        subscribers_only: false,
    },
    Preset {
        name: "Salesforce",
        signs: &[&["Contact ID", "Lead ID"], &["Email Opt Out"]],
        row_id: &["Contact ID", "Lead ID"],
        email: &["Email"],
        phone: &["Mobile", "Mobile Phone", "Phone"],
        country: &["Mailing Country", "Country"],
        postcode: &["Mailing Zip/Postal Code", "Zip/Postal Code"],
        consent: &[],
        consent_at: &[],
        objections: &["Email Opt Out"],
        updated_at: &["Last Modified Date"],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "Splio",
        signs: &[&["email", "customer_key"], &["cellphone"], &["firstname"], &["lang", "language"]],
        row_id: &["customer_key"],
        email: &["email"],
        phone: &["cellphone"],
        country: &["country", "pays"],
        postcode: &["zipcode", "postalcode", "code_postal"],
        consent: &[],
        consent_at: &[],
        objections: &[],
        updated_at: &["update_date"],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "crm-fr",
        signs: &[
            &["N° client", "Numéro client", "Code client", "ID_CLIENT", "Id client", "NUM_CLIENT"],
            &["Nom", "Prénom", "Civilité", "NOM", "PRENOM", "CIVILITE"],
            &["E-mail", "E-mail 1", "Email", "Email 1", "EMAIL", "Mail", "MAIL", "Adresse e-mail"],
        ],
        row_id: &[
            "N° client",
            "Numéro client",
            "Code client",
            "ID_CLIENT",
            "Id client",
            "NUM_CLIENT",
        ],
        email: &[],
        phone: &[],
        country: &["Code pays", "Pays", "PAYS"],
        postcode: &["Code postal", "CODE_POSTAL", "CP"],
        consent: &["Optin partenaires", "OPTIN_PARTENAIRES"],
        consent_at: &["Date optin", "DATE_OPTIN", "Date optin partenaires"],
        objections: &["Opposition", "OPPOSITION", "Liste noire"],
        updated_at: &["Date maj", "DATE_MAJ", "Date de modification"],
        zone: None,
        subscribers_only: false,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_headers() {
        let of = |header: &str| recognise(header.split(','));
        assert_eq!(of("Email,Klaviyo ID,First Name"), Some("Klaviyo"));
        assert_eq!(
            of("Customer ID,First Name,Email,Accepts Email Marketing,Total Orders"),
            Some("Shopify")
        );
        assert_eq!(
            of("Email Address,First Name,MEMBER_RATING,OPTIN_TIME,LEID,EUID"),
            Some("Mailchimp")
        );
        assert_eq!(of("Id,AccountId,Email,HasOptedOutOfEmail"), Some("Salesforce"));
        assert_eq!(of("Record ID,Email,Lifecycle Stage"), Some("HubSpot"));
        assert_eq!(of("email,firstname,lastname,language,cellphone"), Some("Splio"));
        assert_eq!(of("N° client,Nom,E-mail 1"), Some("crm-fr"));
        for other in ["row_id,email,consent_ref", "Email,Name", "id,firstname", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn presets_are_found_by_name_and_say_nothing_of_consent_values() {
        assert!(Preset::named("klaviyo").is_some() && Preset::named("KLAVIYO-2").is_none());
        let mut all: Vec<&str> = names().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
}
