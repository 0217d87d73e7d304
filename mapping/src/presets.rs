//! Presets: the tools that an export may come from, recognised by its header.
//!
//! A preset knows names of columns and the clock of a tool. None of them says that a person agreed
//! to anything: consent is asked for whatever the tool.

use crate::names::folded;
use tabular::{ColumnName, InputError, SourceError};

/// Knowledge of the exports of one tool.
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
        let header: Vec<String> = header.into_iter().map(folded).collect();
        let has = |name: &&str| header.contains(&folded(name));
        ALL.iter().find(|preset| preset.signs.iter().all(|one_of| one_of.iter().any(has)))
    }
}

/// The name of the tool that a header is of, as a message names it.
#[must_use]
pub fn recognise<'a>(header: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    Preset::of(header).map(|preset| preset.name)
}

/// The refusal of a file without any name of ours, with the tool that the file looks like; `None`
/// for every other refusal, and for a file that looks like no tool.
#[must_use]
pub fn likened(error: &SourceError) -> Option<SourceError> {
    let SourceError::Input { file, source } = error else { return None };
    let InputError::ForeignColumns { columns, program, .. } = source else { return None };
    let like = recognise(columns.iter().map(ColumnName::as_str))?;
    let source = InputError::ForeignColumns { columns: columns.clone(), like: Some(like), program };
    Some(SourceError::Input { file: file.clone(), source })
}

/// Names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|preset| preset.name)
}

/// Every preset; the more particular ones first. Names of columns are compared as [`folded`] makes
/// them.
static ALL: [Preset; 9] = [
    Preset {
        name: "Klaviyo",
        signs: &[&["Klaviyo_ID"], &["Email"]],
        row_id: &["Klaviyo_ID"],
        email: &["Email"],
        phone: &["Phone_Number"],
        country: &["Country"],
        postcode: &["Zip_Code"],
        consent: &["Email_Marketing_Consent"],
        consent_at: &["Email_Marketing_Consent_Timestamp"],
        objections: &["Email_Marketing_Consent"],
        updated_at: &[],
        zone: Some("UTC"),
        subscribers_only: false,
    },
    Preset {
        name: "Shopify",
        signs: &[&["Customer_ID"], &["Accepts_Email_Marketing"], &["Tax_Exempt", "Total_Orders"]],
        row_id: &["Customer_ID"],
        email: &["Email"],
        phone: &["Phone", "Default_Address_Phone"],
        country: &["Default_Address_Country_Code"],
        postcode: &["Default_Address_Zip"],
        consent: &["Accepts_Email_Marketing"],
        consent_at: &[],
        objections: &[],
        updated_at: &[],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "Shopify",
        signs: &[&["ID"], &["Email"], &["Email_Marketing:_Status"]],
        row_id: &["ID"],
        email: &["Email"],
        phone: &["Phone", "Address_Phone"],
        country: &["Address_Country_Code"],
        postcode: &["Address_Zip"],
        consent: &["Email_Marketing:_Status"],
        consent_at: &["Email_Marketing:_Updated_At"],
        objections: &["Email_Marketing:_Status"],
        updated_at: &["Updated_At"],
        zone: None,
        subscribers_only: false,
    },
    Preset {
        name: "Mailchimp",
        signs: &[&["Email_Address"], &["MEMBER_RATING"], &["LEID"]],
        row_id: &["EUID", "LEID"],
        email: &["Email_Address"],
        phone: &["Phone_Number", "SMS_Phone_Number"],
        country: &["CC"],
        postcode: &["Zip_Code"],
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
            &["Record_ID", "Record_ID_-_Contact"],
            &["Email"],
            &["Lifecycle_Stage", "Lead_Status", "Contact_owner"],
        ],
        row_id: &["Record_ID", "Record_ID_-_Contact"],
        email: &["Email"],
        phone: &["Mobile_Phone_Number", "Phone_Number"],
        country: &["Country/Region_Code", "Country/Region", "IP_Country_Code"],
        postcode: &["Postal_Code"],
        consent: &["Legal_basis_for_processing_contact's_data"],
        consent_at: &[],
        objections: &["Unsubscribed_from_all_email"],
        updated_at: &["Last_Modified_Date"],
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
        signs: &[&["Contact_ID", "Lead_ID"], &["Email_Opt_Out"]],
        row_id: &["Contact_ID", "Lead_ID"],
        email: &["Email"],
        phone: &["Mobile", "Mobile_Phone", "Phone"],
        country: &["Mailing_Country", "Country"],
        postcode: &["Mailing_Zip/Postal_Code", "Zip/Postal_Code"],
        consent: &[],
        consent_at: &[],
        objections: &["Email_Opt_Out"],
        updated_at: &["Last_Modified_Date"],
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
            &["N°_client", "Numéro_client", "Code_client", "ID_CLIENT", "Id_client", "NUM_CLIENT"],
            &["Nom", "Prénom", "Civilité", "NOM", "PRENOM", "CIVILITE"],
            &["E-mail", "E-mail_1", "Email", "Email_1", "EMAIL", "Mail", "MAIL", "Adresse_e-mail"],
        ],
        row_id: &[
            "N°_client",
            "Numéro_client",
            "Code_client",
            "ID_CLIENT",
            "Id_client",
            "NUM_CLIENT",
        ],
        email: &[],
        phone: &[],
        country: &["Code_pays", "Pays", "PAYS"],
        postcode: &["Code_postal", "CODE_POSTAL", "CP"],
        consent: &["Optin_partenaires", "OPTIN_PARTENAIRES"],
        consent_at: &["Date_optin", "DATE_OPTIN", "Date_optin_partenaires"],
        objections: &["Opposition", "OPPOSITION", "Liste_noire"],
        updated_at: &["Date_maj", "DATE_MAJ", "Date_de_modification"],
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
